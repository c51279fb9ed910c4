"""JSON as it arrives from strangers: counted, parsed without ever raising, walked by paths, written, cut by bytes.

Nothing is re-serialised for a signature. Arrays inside a body are cut out of its text as they stand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from json.decoder import JSONDecoder
from typing import AnyStr, Final, NamedTuple

# Two bytes of text can be a value of a hundred bytes of memory: documents are bounded by what is in them, too.
MAX_VALUES = 1_000_000

_SPACE: Final = " \t\n\r"
_DECODER: Final = JSONDecoder()
# What a further value follows.
_BEFORE_VALUES: Final = (",", "[", "{")
_BEFORE_VALUES_BYTES: Final = (b",", b"[", b"{")
# The next text in which such a character stands, or the end, behind all that has none in a text. It matches wherever it
# is tried, also where a text has no end: tried anew from each quote in it, it would take the square of its length.
_TEXT: Final = re.compile(
    r'(?:[^"]++|"[^"\\,\[{]*+(?:\\[^,\[{][^"\\,\[{]*+)*+")*+("[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?+\Z)|\Z)',
    re.DOTALL,
)
_BYTES: Final = re.compile(_TEXT.pattern.encode(), re.DOTALL)


class _Absent:
    """The type of ABSENT: no value, where None would be JSON's null."""

    __slots__ = ()


ABSENT: Final = _Absent()


class Parsed(NamedTuple):
    """A document, or ABSENT. `is_ambiguous`: an object names a key twice, so that two parsers could read two."""

    document: object
    is_ambiguous: bool


class Element(NamedTuple):
    """One element of an array: its value and its exact text."""

    value: object
    text: str


def parse(raw: str | bytes) -> object:
    """The document, or ABSENT when it is none. Never raises on any input."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return ABSENT


def parse_signed(raw: str | bytes) -> Parsed:
    """The same, and whether it could be read in two ways: for JSON whose parts are signed. In one pass."""
    is_ambiguous = False

    def unite(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal is_ambiguous
        result = dict(pairs)
        if len(result) != len(pairs):
            is_ambiguous = True
        return result

    try:
        return Parsed(json.loads(raw, object_pairs_hook=unite), is_ambiguous)
    except (ValueError, RecursionError):
        return Parsed(ABSENT, False)


def is_container(raw: bytes) -> bool:
    """Whether this could only be an object or an array, were it JSON."""
    return raw.lstrip(b" \t\n\r\xef\xbb\xbf")[:1] in (b"{", b"[")


def has_too_many_values(raw: str | bytes, most: int) -> bool:
    """Whether a document would have more than `most` values. Told without parsing, at a hundredth of its price."""
    # A value takes two bytes at least, and all but the first follow a comma or an opening bracket.
    if len(raw) // 2 < most:
        return False
    # In texts there are commas that mean nothing. Where they begin and end is known of UTF-8 alone.
    if isinstance(raw, str):
        return _has_more(raw, _TEXT, _BEFORE_VALUES, most)
    is_utf8 = json.detect_encoding(raw).startswith("utf-8")
    return _has_more(raw, _BYTES if is_utf8 else None, _BEFORE_VALUES_BYTES, most)


def walk(document: object, path: Sequence[str]) -> object:
    """The value at a path of keys and array positions, or ABSENT."""
    value = document
    for step in path:
        if isinstance(value, dict):
            value = value.get(step, ABSENT)
        elif isinstance(value, list) and step.isascii() and step.isdigit() and len(step) < 8:
            position = int(step)
            value = value[position] if position < len(value) else ABSENT
        else:
            return ABSENT
    return value


def as_text(value: object) -> str | None:
    """A value as the text that vendors sign and compare: strings bare, null as absent, objects as compact JSON."""
    if isinstance(value, str):
        return value
    if value is None or value is ABSENT:
        return None
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def elements(text: str, path: Sequence[str], *, most: int) -> tuple[Element, ...]:
    """The elements of the array at a path, each with its exact text; empty when there is no such array, and when it has
    more than `most`: then no more than those are read.

    `path` leads through objects only. Never raises on any input.
    """
    try:
        start = _start(text)
        for key in path:
            start = _member(text, start, key)
        found = tuple(islice(_array(text, start), most + 1))
        return found if len(found) <= most else ()
    except (ValueError, RecursionError, IndexError, StopIteration):
        return ()


def first_element(text: str) -> Element | None:
    """The first element of a document that is an array; None when it is none, or empty. What follows is not read."""
    try:
        return next(_array(text, _start(text)), None)
    except (ValueError, RecursionError, IndexError):
        return None


def _has_more(raw: AnyStr, texts: re.Pattern[AnyStr] | None, before: tuple[AnyStr, AnyStr, AnyStr], most: int) -> bool:
    """Whether more than `most` values are left without what stands in `texts`; None: nobody knows where they are."""
    count, (comma, bracket, brace) = raw.count, before
    values = 1 + count(comma) + count(bracket) + count(brace)
    if values > most and texts is not None:
        for text in texts.finditer(raw):
            start, end = text.span(1)
            values -= count(comma, start, end) + count(bracket, start, end) + count(brace, start, end)
            if values <= most:
                break
    return values > most


def _start(text: str) -> int:
    return _skip(text, 1 if text.startswith("\ufeff") else 0)


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at


def _member(text: str, at: int, wanted: str) -> int:
    """Where the value of `wanted` starts; the last one when the key is there twice, as the parser has it."""
    if text[at] != "{":
        raise ValueError
    found = -1
    at = _skip(text, at + 1)
    while text[at] != "}":
        if text[at] != '"':
            raise ValueError
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] != ":":
            raise ValueError
        at = _skip(text, at + 1)
        if key == wanted:
            found = at
        _value, at = _DECODER.raw_decode(text, at)
        at = _next(text, at, "}")
    if found < 0:
        raise ValueError
    return found


def _array(text: str, at: int) -> Iterator[Element]:
    if text[at] != "[":
        raise ValueError
    at = _skip(text, at + 1)
    while text[at] != "]":
        value, end = _DECODER.raw_decode(text, at)
        yield Element(value, text[at:end])
        at = _next(text, end, "]")


def _next(text: str, at: int, closing: str) -> int:
    """The start of the next member or element, or the position of the closing bracket."""
    at = _skip(text, at)
    if text[at] == ",":
        at = _skip(text, at + 1)
        if text[at] == closing:
            raise ValueError
        return at
    if text[at] != closing:
        raise ValueError
    return at
