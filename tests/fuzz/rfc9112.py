"""A second reading of HTTP/1.1, written from RFC 9112 and 9110 alone: all at once, by regular expressions, of a whole
stream. It shares nothing with the gateway's reader but the standard, and is as strict as a server may be: what the RFC
lets a server refuse (lengths beside chunks, lists of lengths, folded lines) ends it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# RFC 9110, 5.5: visible characters, obs-text, and SP and HTAB between.
VALUE = rb"[\t\x20-\x7e\x80-\xff]*"
# RFC 9112, 3: a server may read the request line by its words, however many spaces are between them.
_LINE = re.compile(rb"(" + TOKEN + rb") +([\x21-\x7e]+) +HTTP/([0-9])\.([0-9])\r\n")
_FIELD = re.compile(rb"(" + TOKEN + rb"):(" + VALUE + rb")\r\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;[^\r\n\x00]*)?\r\n")
_LENGTH = re.compile(rb"[0-9]+")


class Invalid(Exception):
    """No request that has to be served."""


class Incomplete(Exception):
    """More has to come."""


@dataclass(frozen=True)
class Request:
    """Names in lower case, values without the space around them."""

    method: bytes
    target: bytes
    version: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes
    is_last: bool

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.fields if key == name]


def requests_of(stream: bytes) -> list[Request]:
    """The whole requests at the beginning of `stream`, up to the last that its connection may carry."""
    found: list[Request] = []
    at = 0
    while not (found and found[-1].is_last):
        # RFC 9112, 2.2: empty lines before a request are ignored.
        while stream[at : at + 1] in (b"\r", b"\n"):
            at += 1
        try:
            request, at = _request(stream, at)
        except (Invalid, Incomplete):
            break
        found.append(request)
    return found


def _request(stream: bytes, at: int) -> tuple[Request, int]:
    line = _match(_LINE, stream, at)
    version = line[3] + b"." + line[4]
    if line[3] != b"1":
        raise Invalid
    fields, at = _fields(stream, line.end())
    head = Request(line[1], line[2], version, fields, b"", False)
    body, at = _body(head, stream, at)
    options = {option.strip(b" \t").lower() for value in head.values(b"connection") for option in value.split(b",")}
    is_last = b"close" in options or (version == b"1.0" and b"keep-alive" not in options)
    return Request(head.method, head.target, version, fields, body, is_last), at


def _fields(stream: bytes, at: int) -> tuple[tuple[tuple[bytes, bytes], ...], int]:
    fields = []
    while stream[at : at + 2] != b"\r\n":
        field = _match(_FIELD, stream, at)
        fields.append((field[1].lower(), field[2].strip(b" \t")))
        at = field.end()
    return tuple(fields), at + 2


def _body(head: Request, stream: bytes, at: int) -> tuple[bytes, int]:
    lengths, codings = head.values(b"content-length"), head.values(b"transfer-encoding")
    if codings:
        # RFC 9112, 6.1 and 6.3: the last coding has to be chunked, and it is the only one that is known here.
        if lengths or head.version == b"1.0" or [coding.lower() for coding in codings] != [b"chunked"]:
            raise Invalid
        return _chunks(stream, at)
    if not lengths:
        return b"", at
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise Invalid
    end = at + int(lengths[0])
    if end > len(stream):
        raise Incomplete
    return stream[at:end], end


def _chunks(stream: bytes, at: int) -> tuple[bytes, int]:
    body = b""
    while True:
        size = _match(_CHUNK, stream, at)
        at, length = size.end(), int(size[1], 16)
        if length == 0:
            return body, _fields(stream, at)[1]
        if at + length + 2 > len(stream):
            raise Incomplete
        if stream[at + length : at + length + 2] != b"\r\n":
            raise Invalid
        body += stream[at : at + length]
        at += length + 2


def _match(pattern: re.Pattern[bytes], stream: bytes, at: int) -> re.Match[bytes]:
    match = pattern.match(stream, at)
    if match is None:
        raise Invalid
    return match
