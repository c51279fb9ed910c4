"""The one notation of the catalogue: places, where a value of a request is found, and templates made of them.

A place is written `header:X-Signature`, `query:piece`, `form:id`, `json:event.type`, `form_json:payload:event.id`,
`field:t` (another part of the signature header), `claim:jti`, `segment:-1` (of the URL's path), `option:name` (the
operator's value), `json_key:a,b` (the first of these keys that the body has), or plainly `body`, `url`, `timestamp`
and the like. `?` after it means "empty when absent"; `|sha256|hex` are filters, applied left to right.

A template is text with places in braces, as in `{timestamp}.{body}`. `[...]` is left out when a place in it is
absent; `{{ }}` and `\\[ \\]` are literals. Reading a place from a request is not done here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

PLAIN_KINDS = frozenset(
    {
        "atlassian_qsh",
        "body",
        "content_type",
        "form_sorted",
        "host",
        "id",
        "method",
        "path",
        "public_key",
        "query",
        "secret",
        "timestamp",
        "url",
        "url_base",
    }
)
NAMED_KINDS = frozenset(
    {"claim", "field", "form", "form_json", "header", "json", "json_key", "option", "query", "segment"}
)
FILTERS = frozenset(
    {
        "base64",
        "base64url",
        "crc32",
        "gunzip",
        "hex",
        "hmac-sha1",
        "hmac-sha256",
        "json-string",
        "lower",
        "md5",
        "sha1",
        "sha256",
        "unpad",
    }
)

_PLACE = re.compile(
    r"(?P<kind>[a-z_]+)(?::(?P<name>[^|?{}]*))?(?P<optional>\?)?(?P<filters>(?:\|[a-z0-9-]+)*)", re.ASCII
)
_PIECE = re.compile(r"\{\{|\}\}|\\[\[\]]|\{[^{}]*\}|[\[\]{}]|\\|[^{}\[\]\\]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one value is found. `name` is lower case for headers; `path` is set for JSON and claims."""

    text: str
    kind: str
    name: str = ""
    path: tuple[str, ...] = ()
    optional: bool = False
    filters: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, tuple[str, ...]]:
        """Equal for places of the same value, however they are written and filtered."""
        return self.kind, self.name, self.path


@dataclass(frozen=True, slots=True)
class OptionalPart:
    """A bracketed part of a template, left out when a place in it is absent."""

    parts: tuple[Part, ...]


Part = bytes | Place | OptionalPart


@dataclass(frozen=True, slots=True)
class Template:
    """Text made of literals and places; `text` is the notation it was read from."""

    text: str
    parts: tuple[Part, ...]


@lru_cache(maxsize=2048)
def parse_place(text: str) -> Place:
    """Read one place. Raises ValueError that says what is wrong with it."""
    match = _PLACE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a place such as header:X-Signature or json:event.type")
    kind, name = match["kind"], match["name"]
    if kind not in (PLAIN_KINDS if name is None else PLAIN_KINDS | NAMED_KINDS):
        known = ", ".join(sorted(PLAIN_KINDS | NAMED_KINDS))
        raise ValueError(f"{text!r} is not a known place; places are {known}")
    if name is not None and kind not in NAMED_KINDS:
        raise ValueError(f"{kind!r} in {text!r} takes no name")
    filters = tuple(match["filters"].split("|")[1:])
    unknown = [item for item in filters if item not in FILTERS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} in {text!r} is not a filter; filters are {', '.join(sorted(FILTERS))}")
    name, path = _split_name(kind, name or "", text)
    return Place(text, kind, name, path, match["optional"] is not None, filters)


@lru_cache(maxsize=2048)
def parse_template(text: str) -> Template:
    """Read one template. Raises ValueError that says what is wrong with it."""
    stack: list[list[Part]] = [[]]
    for piece in _PIECE.findall(text):
        if piece == "[":
            stack.append([])
        elif piece == "]":
            if len(stack) == 1:
                raise ValueError(f"']' without '[' in {text!r}; write \\] for the character itself")
            optional = OptionalPart(tuple(stack.pop()))
            stack[-1].append(optional)
        elif piece in ("{", "}"):
            raise ValueError(f"lone {piece!r} in {text!r}; write it twice for the character itself")
        elif piece[0] == "{" and piece != "{{":
            stack[-1].append(parse_place(piece[1:-1]))
        else:
            stack[-1].append(_literal(piece))
    if len(stack) > 1:
        raise ValueError(f"'[' without ']' in {text!r}; write \\[ for the character itself")
    return Template(text, tuple(stack[0]))


def places_of(template: Template | OptionalPart) -> Iterator[Place]:
    """Every place of a template, those in optional parts too."""
    for part in template.parts:
        if isinstance(part, Place):
            yield part
        elif isinstance(part, OptionalPart):
            yield from places_of(part)


def split_path(path: str) -> tuple[str, ...]:
    """The steps of a dotted JSON path; the empty path is the document itself."""
    return tuple(path.split(".")) if path else ()


def _literal(piece: str) -> bytes:
    if piece in ("{{", "}}"):
        return piece[:1].encode()
    if len(piece) == 2 and piece[0] == "\\":
        return piece[1:].encode()
    return piece.encode()


def _split_name(kind: str, name: str, text: str) -> tuple[str, tuple[str, ...]]:
    if kind == "header":
        return _required(name, text).lower(), ()
    if kind in ("json", "claim"):
        return name, split_path(name)
    if kind == "json_key":
        return name, tuple(_required(name, text).split(","))
    if kind == "form_json":
        field, _, path = _required(name, text).partition(":")
        return field, split_path(path)
    if kind == "segment":
        if not re.fullmatch(r"-?[0-9]{1,3}", name):
            raise ValueError(f"{text!r} needs a whole number, counted from the end when negative")
        return name, ()
    if kind in ("query", "form", "field", "option") and ":" in text:
        return _required(name, text), ()
    return name, ()


def _required(name: str, text: str) -> str:
    if not name:
        raise ValueError(f"{text!r} needs a name after the colon")
    return name
