"""Form bodies, URL-encoded and multipart, as field lists. Values keep the bytes that came: text that is not UTF-8
is carried as surrogates and turns into the same bytes again.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, MultipartDecoder, NeedData

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
MAX_FIELDS = 10_000

Fields = dict[str, list[str]]


def parse_query(query: str) -> Fields | None:
    """The parameters of a query string by name, in order, decoded; None when there are too many."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_FIELDS)
    except ValueError:
        return None
    fields: Fields = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
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


def _parse_multipart(content_type: str, body: bytes) -> Fields | None:
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    fields: Fields = {}
    try:
        decoder = MultipartDecoder(boundary.encode("latin-1"), max_parts=MAX_FIELDS)
        decoder.receive_data(body)
        decoder.receive_data(None)
        name: str | None = None
        chunks: list[bytes] = []
        while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
            if isinstance(event, Data):
                chunks.append(event.data)
                if not event.more_data and name is not None:
                    fields.setdefault(name, []).append(b"".join(chunks).decode("utf-8", "surrogateescape"))
            else:
                name = event.name if isinstance(event, Field) else None
                chunks = []
    except (ValueError, HTTPException):
        return None
    return fields
