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

import orjson

from gateway.entities.external import Mapped

DIGEST_BYTES = 16
SEEN_BYTES = 8
"""Of the digest of an external id: room for a million with one chance in ten million that two are alike."""

COLUMNS = ("name", "state", "parent", "area")
"""What of an entity is content beside its attributes."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode
# Where a number may be written in two ways. What stands in a text as well is looked at in vain only.
_STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_EXPONENT = re.compile(rb"\d[eE][+-]?\d")


class NotJson(ValueError):
    """A value that no JSON has: NaN, infinities, half surrogates, values of Python's own, endless depth."""


def canonical(value: object) -> bytes:
    """`value`, which is JSON, in the one form that all equal values have.

    Raises `NotJson`.
    """
    try:
        written = _written(value)
        if b".0" in written or _EXPONENT.search(written):
            written = _written(_plain(value))
        if not written.isascii():
            written = unicodedata.normalize("NFC", written.decode("utf-8")).encode("utf-8")
        return written
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error


def _written(value: object) -> bytes:
    try:
        written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS | _STRICT)
    except TypeError:
        # Numbers beyond 64 bits, and what is no JSON, which this refuses as well.
        return _encode(value).encode("utf-8")
    if b"null" in written:
        # Not for what it writes: orjson makes null of NaN and infinities.
        _encode(value)
    return written


def canonical_texts(*texts: str | None) -> bytes:
    """The same of a list of texts. Raises `NotJson`."""
    if any(type(one) is not str and one is not None for one in texts):
        return canonical(texts)
    try:
        written = orjson.dumps(texts)
    except TypeError as error:
        raise NotJson(str(error)) from error
    if not written.isascii():
        written = unicodedata.normalize("NFC", written.decode("utf-8")).encode("utf-8")
    return written


def digest(value: object) -> bytes:
    """The digest of a value's canonical form. Raises `NotJson`."""
    return blake2b(canonical(value), digest_size=DIGEST_BYTES).digest()


def content_digest(
    name: str | None, attributes: Mapping[str, Any], state: str | None, parent: str | None, area: str | None
) -> bytes:
    """The digest of what an entity says. Raises `NotJson`."""
    return joined_digest(canonical_texts(name, state, parent, area), canonical(attributes))


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
    kind = type(value)
    if kind is float:
        return int(value) if value.is_integer() else value
    if kind is dict:
        return {name: _plain(member) for name, member in value.items()}
    if kind is list or kind is tuple:
        return [_plain(item) for item in value]
    return value
