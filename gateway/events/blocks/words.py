"""The words of a body, by which it is found. Pure.

A word is what stands between characters that are neither letters nor digits, in lower case: `order-1234` are two.
JSON's escapes and those of a form are undone first, so that a word is found as a person would read it.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from gateway.content.compression import inflated
from gateway.content.forms import FORM_TYPES, media_type_of

LONGEST_WORD = 64
"""Bytes; of a longer word (a key, an encoded file) only the beginning counts."""
MOST_WORDS = 20_000
"""Different ones of one body; of a body with more, the others are not found."""

# ASCII letters and digits in lower case, what is not ASCII as it is, and the rest as what stands between words.
_TABLE = bytes(
    code + 32 if 65 <= code <= 90 else code if 48 <= code <= 57 or 97 <= code <= 122 or code >= 128 else 32
    for code in range(256)
)
_UNICODE_ESCAPE = re.compile(rb"(?:\\u[0-9a-fA-F]{4})+")
_OTHER_ESCAPE = re.compile(rb"\\[bfnrt]")


def words_of(content_type: str | None, body: bytes) -> set[bytes]:
    """The words of a body; none of one that cannot be inflated."""
    plain = inflated(body)
    if plain is None:
        return set()
    if media_type_of(content_type or "") in FORM_TYPES:
        plain = unquote_to_bytes(plain.replace(b"+", b" "))
    words = _words(plain)
    if len(words) > MOST_WORDS:
        return set(sorted(words)[:MOST_WORDS])
    return words


def words_in(text: str) -> frozenset[bytes]:
    """The words that somebody looks for."""
    return frozenset(_words(text.encode("utf-8", "replace")))


def _words(plain: bytes) -> set[bytes]:
    if b"\\" in plain:
        plain = _OTHER_ESCAPE.sub(b" ", _UNICODE_ESCAPE.sub(_written_out, plain))
    if not plain.isascii():
        plain = plain.decode("utf-8", "replace").lower().encode("utf-8", "replace")
    return {word[:LONGEST_WORD] for word in plain.translate(_TABLE).split()}


def _written_out(found: re.Match[bytes]) -> bytes:
    units = bytes.fromhex(found.group().replace(b"\\u", b"").decode("ascii"))
    return units.decode("utf-16-be", "replace").encode("utf-8")
