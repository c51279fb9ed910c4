"""What can still be read of a document with faults, so that all of them are told in one round. Pure.

A thing is read when what names it is there; a key that does not fit is left out of it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from marshmallow import Schema, ValidationError, fields

from gateway.errors import Fault, Hint
from gateway.suggestions import suggest

NOT_TAKEN, MALFORMED = "not_taken", "malformed"
_THING = re.compile(r"\w+\[\d+\]")
_KEY = re.compile(r"(?:(\w+)\[\d+\]\.)?(\w+)")


@dataclass(slots=True)
class Salvaged:
    """`data` as the schema would load it, of what could be read; `places` are the positions of that by section,
    `unread` the names of the rest.
    """

    data: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    places: dict[str, tuple[int, ...]] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()


def salvage(raw: Mapping[str, Any], schema: Schema) -> Salvaged:
    """What can be read of `raw`, whose sections are the lists of `schema`."""
    found = Salvaged()
    for section, item in _sections(schema).items():
        given = raw.get(section)
        if not isinstance(given, list):
            given = []
        read = [_read(item, each) for each in given]
        found.places[section] = tuple(at for at, one in enumerate(read) if one is not None)
        found.data[section] = [one for one in read if one is not None]
        lost = [each for each, one in zip(given, read, strict=True) if one is None and isinstance(each, dict)]
        found.unread |= {name for each in lost for key in ("slug", "name") if isinstance(name := each.get(key), str)}
    return found


def told_beside(shape_faults: Sequence[Fault], more: Sequence[Fault]) -> list[Fault]:
    """Those of `more` that hold whatever the things with `shape_faults` were meant to say."""
    codes: dict[str, set[str]] = defaultdict(set)
    for fault in shape_faults:
        codes[_thing(fault)].add(fault.code)
    routes_are_doubtful = any(
        thing.startswith("routes[") and found & {NOT_TAKEN, MALFORMED} for thing, found in codes.items()
    )

    def holds(fault: Fault) -> bool:
        if routes_are_doubtful and fault.code in ("ambiguous", "duplicate") and fault.field.startswith("routes["):
            return False
        found = codes.get(_thing(fault), set())
        # A key that is written wrongly may be the one that is missing.
        return MALFORMED not in found and not (NOT_TAKEN in found and fault.code == "missing")

    return [fault for fault in more if holds(fault)]


def _thing(fault: Fault) -> str:
    match = _THING.match(fault.field)
    return "" if match is None else match[0]


def with_suggestion(fault: Fault, schema: Schema) -> Fault:
    """`fault` in our words, with the key that was probably meant, where it is about one that there is not."""
    match = _KEY.fullmatch(fault.field)
    if fault.code != NOT_TAKEN or match is None:
        return fault
    section, key = match.groups()
    item = _sections(schema).get(section) if section is not None else schema
    known = sorted(item.load_fields) if item is not None else []
    hint = suggest(key, known, Hint("choose_one_of", {"names": known}))
    return replace(fault, message=f"there is no such key as {key!r}", hint=hint)


def _sections(schema: Schema) -> dict[str, Schema]:
    """The schemas of the things in each list of `schema`."""
    lists = {name: one for name, one in schema.load_fields.items() if isinstance(one, fields.List)}
    return {name: one.inner.schema for name, one in lists.items() if isinstance(one.inner, fields.Nested)}


def _read(item: Schema, given: object) -> dict[str, Any] | None:
    if not isinstance(given, dict):
        return None
    try:
        data: dict[str, Any] = item.load(given)
    except ValidationError as error:
        data = dict(error.valid_data) if isinstance(error.valid_data, dict) else {}
    needed = [name for name, one in item.load_fields.items() if one.required]
    return data if all(isinstance(data.get(name), str) for name in needed) else None
