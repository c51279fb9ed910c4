"""Form bodies, URL-encoded and multipart, as field lists. Values keep the bytes that came: text that is not UTF-8
is carried as surrogates and turns into the same bytes again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from gateway.deferred import deferred

# Loaded with the first multipart body: commands that know forms by name need none of it.
_multipart = deferred("werkzeug.sansio.multipart")
_http = deferred("werkzeug.http")

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
FORM_TYPES = frozenset({URLENCODED, MULTIPART})
MAX_FIELDS = 1_000
# What the parts of a multipart body say about themselves, together: reading that is what costs.
MAX_PART_HEADER_BYTES = 64 * 1024
UNESCAPED_BYTES = 64 * 1024

_BLANK_LINE = re.compile(rb"\r\n\r\n|\r\r|\n\n")

Fields = dict[str, list[str]]


def parse_query(query: str) -> Fields | None:
    """The parameters of a query string by name, in order, decoded; None when there are too many.

    As WHATWG's URL standard has them (5.1, application/x-www-form-urlencoded parsing), a field without `=` is empty.
    """
    if query.count("&") >= MAX_FIELDS:
        return None
    fields: Fields = {}
    for field in query.split("&"):
        if field:
            name, _equals, value = field.partition("=")
            fields.setdefault(_unescaped(name), []).append(_unescaped(value))
    return fields


def media_type_of(content_type: str) -> str:
    """A Content-Type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def parse_form(content_type: str, body: bytes) -> Fields | None:
    """The fields of a form body by name, in order, files left out; empty for other bodies, None for a broken form."""
    media_type = media_type_of(content_type)
    if media_type == URLENCODED:
        return parse_query(body.decode("utf-8", "surrogateescape"))
    if media_type == MULTIPART:
        return _parse_multipart(content_type, body)
    return {}


def _unescaped(text: str) -> str:
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogatepass")
    return b"".join(_unescaped_pieces(data)).decode("utf-8", "surrogateescape")


def _unescaped_pieces(data: bytes) -> Iterator[bytes]:
    """In pieces: urllib makes an object of each escape, which takes eighty times the memory for a moment."""
    at = 0
    while at < len(data):
        end = at + UNESCAPED_BYTES
        # Not through the middle of an escape.
        escape = data.rfind(b"%", end - 2, end)
        end = end if escape < 0 else escape
        yield unquote_to_bytes(data[at:end])
        at = end


def _parse_multipart(content_type: str, body: bytes) -> Fields | None:
    try:
        boundary = _http.parse_options_header(content_type)[1].get("boundary", "").encode("latin-1")
        return _fields_of_parts(boundary, body) if _is_within_bounds(b"--" + boundary, body) else None
    except ValueError:
        return None


def _is_within_bounds(delimiter: bytes, body: bytes) -> bool:
    """Whether there are few enough parts, and little enough that they say about themselves."""
    delimiters, header_bytes = 0, 0
    at = body.find(delimiter)
    while at >= 0:
        furthest = at + MAX_PART_HEADER_BYTES
        blank = _BLANK_LINE.search(body, at, furthest)
        delimiters += 1
        header_bytes += (blank.start() if blank else min(furthest, len(body))) - at
        # The last delimiter ends the last part.
        if delimiters > MAX_FIELDS + 1 or header_bytes >= MAX_PART_HEADER_BYTES:
            return False
        at = body.find(delimiter, at + len(delimiter))
    return True


def _fields_of_parts(boundary: bytes, body: bytes) -> Fields:
    fields: Fields = {}
    decoder = _multipart.MultipartDecoder(boundary)
    decoder.receive_data(body)
    decoder.receive_data(None)
    data, field, ends = _multipart.Data, _multipart.Field, (_multipart.Epilogue, _multipart.NeedData)
    name: str | None = None
    chunks: list[bytes] = []
    while not isinstance(event := decoder.next_event(), ends):
        if isinstance(event, data):
            chunks.append(event.data)
            if not event.more_data and name is not None:
                fields.setdefault(name, []).append(b"".join(chunks).decode("utf-8", "surrogateescape"))
        else:
            name = event.name if isinstance(event, field) else None
            chunks = []
    return fields
