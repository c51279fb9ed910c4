"""Whether two values say the same, however an external system writes them. Pure.

Systems rewrite what they are sent: blanks at the end are cut, text is composed (NFC), instants change their zone,
numbers come back as texts. Taken for an edit, each of these would be sent back, for ever. What a person could have
meant (letters' case, blanks within, the order of a list) is a difference.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, Final, TypeAlias


class Absent(Enum):
    """What a field is that is not there, which is not null."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
Value: TypeAlias = Any
"""JSON, or `ABSENT`."""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)")
_NUMBER = re.compile(r"-?\d{1,40}(\.\d{1,40})?")


def same(one: Value, other: Value) -> bool:
    """Whether both say the same. Absent is the same as absent alone."""
    if one is other:
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if _is_list(one) and _is_list(other):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, str) and isinstance(other, str):
        return _same_texts(one, other)
    if isinstance(one, bool) or isinstance(other, bool):
        return type(one) is type(other) and one == other
    if _is_number(one) and _is_number(other):
        return bool(one == other)
    if isinstance(one, str) and _is_number(other):
        return _is_written(one, other)
    return isinstance(other, str) and _is_number(one) and _is_written(other, one)


def _is_list(value: Value) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same_texts(one: str, other: str) -> bool:
    if one == other:
        return True
    if _INSTANT.fullmatch(one) and _INSTANT.fullmatch(other):
        first, second = _instant(one), _instant(other)
        return first is not None and first == second
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).rstrip().replace("\r\n", "\n")


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_written(text: str, number: float) -> bool:
    """Whether `text` is `number`, written down: as a JSON number, not as `007`, which is a text of its own."""
    if not _NUMBER.fullmatch(text) or re.match(r"-?0\d", text):
        return False
    try:
        return Decimal(text) == Decimal(repr(number))
    except InvalidOperation:
        return False
