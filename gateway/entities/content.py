"""What an entity says, as bytes that are the same whenever it says the same: canonical JSON and digests. Pure.

Numbers are written as their value (1 and 1.0 are one), members by their names, texts in Unicode's composed form (NFC).
So what a system gives in another order, or a database gives back in another notation, is no change.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

from gateway.entities.external import Mapped

DIGEST_BYTES = 16
SEEN_BYTES = 8
"""Of the digest of an external id: room for a million with one chance in ten million that two are alike."""

COLUMNS = ("name", "state", "parent", "area")
"""What of an entity is content beside its attributes."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode
# Where a number may be written in two ways. What stands in a text as well is looked at in vain only.
_DOUBTFUL_NUMBER = re.compile(r"\d\.0*(?:[,}\]]|$)|\d[eE][+-]?\d|-0")


class NotJson(ValueError):
    """A value that no JSON has: NaN, infinities, half surrogates, values of Python's own, endless depth."""


def canonical(value: object) -> bytes:
    """`value`, which is JSON, in the one form that all equal values have.

    Raises `NotJson`.
    """
    try:
        text = _encode(value)
        if _DOUBTFUL_NUMBER.search(text):
            text = _encode(_plain(value))
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)
        return text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error


def digest(value: object) -> bytes:
    """The digest of a value's canonical form. Raises `NotJson`."""
    return blake2b(canonical(value), digest_size=DIGEST_BYTES).digest()


def content_digest(
    name: str | None, attributes: Mapping[str, Any], state: str | None, parent: str | None, area: str | None
) -> bytes:
    """The digest of what an entity says. Raises `NotJson`."""
    return joined_digest(canonical([name, state, parent, area]), canonical(attributes))


def joined_digest(columns: bytes, attributes: bytes) -> bytes:
    """The same, of the canonical forms of `[name, state, parent, area]` and of the attributes."""
    return blake2b(columns + attributes, digest_size=DIGEST_BYTES).digest()


def mapped_digest(mapped: Mapped) -> bytes:
    """The same of a record. Raises `NotJson`."""
    return content_digest(mapped.name, mapped.attributes, mapped.state, mapped.parent, mapped.area)


def seen_digest(integration_id: str) -> int:
    """A number by which an external id is known without keeping it."""
    return int.from_bytes(blake2b(integration_id.encode("utf-8"), digest_size=SEEN_BYTES).digest(), "little")


def seen_digests(ids: Iterable[str]) -> list[int]:
    """Those of several."""
    return [seen_digest(one) for one in ids]


def is_same(one: object, other: object) -> bool:
    """Whether two values are the same JSON."""
    return canonical(one) == canonical(other)


def changed_fields(
    before: Mapping[str, Any], after: Mapping[str, Any], *, prefix: str = ""
) -> dict[str, tuple[Any, Any]]:
    """What differs between two objects, by member: `(before, after)`; None where a side has none."""
    names = [*after, *(name for name in before if name not in after)]
    return {
        f"{prefix}{name}": (before.get(name), after.get(name))
        for name in names
        if (name in before) != (name in after) or not is_same(before.get(name), after.get(name))
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
