"""The ways in which programs write one JSON document: spacing, escapes, order. Numbers stay as they stand.

Works on the pieces of the text, so that a document that was only respaced comes out exactly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence

MAX_CHARACTERS = 4 * 1024 * 1024

_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_Escape = Callable[[str], str]


def json_spellings(text: str) -> Iterator[tuple[str, str]]:
    """Other texts of the same document, each with how it is written; nothing when `text` is no JSON."""
    if len(text) > MAX_CHARACTERS:
        return
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    pieces = _PIECE.findall(text)
    for escape, escaping in _ESCAPES:
        written = [escape(piece) if piece.startswith('"') else piece for piece in pieces]
        for layout, name in _LAYOUTS:
            yield layout(written), f"{name}{escaping}"
    for separators, name in (((",", ":"), "compact"), ((", ", ": "), "with blanks after commas and colons")):
        for ascii_only in (False, True):
            escaping = ", non-ASCII characters escaped" if ascii_only else ""
            try:
                yield (
                    json.dumps(document, separators=separators, sort_keys=True, ensure_ascii=ascii_only),
                    f"{name}, keys sorted{escaping}",
                )
            except (RecursionError, ValueError):
                return


def _respaced(comma: str, colon: str) -> Callable[[Sequence[str]], str]:
    spaced = {",": comma, ":": colon}
    return lambda pieces: "".join([spaced.get(piece, piece) for piece in pieces])


def _indented(unit: str, newline: str = "\n") -> Callable[[Sequence[str]], str]:
    def write(pieces: Sequence[str]) -> str:
        parts: list[str] = []
        depth = 0
        for position, piece in enumerate(pieces):
            following = pieces[position + 1] if position + 1 < len(pieces) else ""
            if piece in "{[":
                depth += 1
                parts.append(piece if following in ("}", "]") else piece + newline + unit * depth)
            elif piece in "}]":
                depth -= 1
                is_empty = position and pieces[position - 1] in ("{", "[")
                parts.append(piece if is_empty else newline + unit * depth + piece)
            elif piece == ",":
                parts.append("," + newline + unit * depth)
            else:
                parts.append(": " if piece == ":" else piece)
        return "".join(parts)

    return write


def _as_it_is(piece: str) -> str:
    return piece


def _ascii(piece: str) -> str:
    return json.dumps(json.loads(piece, strict=False), ensure_ascii=True)


def _plain(piece: str) -> str:
    return json.dumps(json.loads(piece, strict=False), ensure_ascii=False)


def _with_slashes(piece: str) -> str:
    """As PHP's json_encode writes it."""
    return _ascii(piece).replace("/", "\\/")


def _for_pages(piece: str) -> str:
    """As Go's encoding/json and Rails write it."""
    escaped = _plain(piece).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return escaped.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


_ESCAPES: tuple[tuple[_Escape, str], ...] = (
    (_as_it_is, ""),
    (_ascii, ", non-ASCII characters escaped"),
    (_plain, ", non-ASCII characters not escaped"),
    (_with_slashes, ", slashes escaped as PHP does"),
    (_for_pages, ", <, > and & escaped as Go and Rails do"),
)
_LAYOUTS: tuple[tuple[Callable[[Sequence[str]], str], str], ...] = (
    (_respaced(",", ":"), "compact"),
    (_respaced(", ", ": "), "with blanks after commas and colons"),
    (_indented("  "), "indented by two blanks"),
    (_indented("    "), "indented by four blanks"),
    (_indented("\t"), "indented by tabs"),
)
