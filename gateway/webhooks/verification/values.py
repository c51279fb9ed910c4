"""Places and templates of the notation, compiled into functions that read them from a request.

Compiled once per provider: what is left for a request is plain calls. `None` means that the place is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.content import jsontext
from gateway.content.forms import media_type_of
from gateway.providers.webhook.places import OptionalPart, Place, Template
from gateway.webhooks.verification.atlassian import query_string_hash
from gateway.webhooks.verification.filters import FILTERS
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import mismatch, missing

Text = Callable[[Reading], str | None]
Bytes = Callable[[Reading], bytes | None]
Message = Callable[[Reading], bytes]


def to_bytes(text: str) -> bytes:
    """A text's bytes as they were on the wire: UTF-8, with bytes that were none kept as they came."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def header_bytes(text: str) -> bytes:
    """A header's bytes: WSGI reads them as Latin-1."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return to_bytes(text)


def first_text(places: Sequence[Place]) -> Text:
    """The text of the first place that is present."""
    readers = tuple(text_of(place) for place in places)
    if len(readers) == 1:
        return readers[0]

    def read(reading: Reading) -> str | None:
        for reader in readers:
            value = reader(reading)
            if value is not None:
                return value
        return None

    return read


def text_of(place: Place) -> Text:
    """A place as text."""
    if place.filters or place.kind in ("body", "secret", "form_sorted"):
        raw = bytes_of(place)

        def read(reading: Reading) -> str | None:
            value = raw(reading)
            return None if value is None else value.decode("utf-8", "surrogateescape")

        return read
    return _plain_text(place)


def bytes_of(place: Place) -> Bytes:
    """A place as bytes, its filters applied."""
    raw = _raw_bytes(place)
    if not place.filters:
        return raw
    filters = tuple(FILTERS[name] for name in place.filters)

    def read(reading: Reading) -> bytes | None:
        value = raw(reading)
        if value is None:
            return None
        for apply in filters:
            value = apply(reading, value)
        return value

    return read


def message_of(template: Template) -> Message:
    """A template as bytes; raises Rejected when a place that it needs is absent."""
    if len(template.parts) == 1 and isinstance(template.parts[0], Place):
        only = template.parts[0]
        return _needed(only)
    parts = tuple(_part(part) for part in template.parts)

    def build(reading: Reading) -> bytes:
        return b"".join([part(reading) for part in parts])

    return build


def _part(part: bytes | Place | OptionalPart) -> Message:
    if isinstance(part, bytes):
        return lambda reading: part
    if isinstance(part, Place):
        return _needed(part)
    readers = tuple(_within_optional(inner) for inner in part.parts)

    def build(reading: Reading) -> bytes:
        values = [reader(reading) for reader in readers]
        present = [value for value in values if value is not None]
        return b"".join(present) if len(present) == len(values) else b""

    return build


def _within_optional(part: bytes | Place | OptionalPart) -> Bytes:
    return bytes_of(part) if isinstance(part, Place) else _part(part)


def _needed(place: Place) -> Message:
    if place.kind == "body" and not place.filters:
        return lambda reading: reading.body
    raw, optional, text = bytes_of(place), place.optional, place.text

    def read(reading: Reading) -> bytes:
        value = raw(reading)
        if value is not None:
            return value
        if optional:
            return b""
        if place.kind in ("option", "public_key"):
            raise mismatch(f"{text} is not configured for this source")
        raise missing(f"{text} is absent, which the signature covers or the check needs")

    return read


def _raw_bytes(place: Place) -> Bytes:
    if place.kind == "body":
        return lambda reading: reading.body
    if place.kind == "secret":
        return lambda reading: reading.secret
    if place.kind == "form_sorted":
        return _form_sorted
    text = _plain_text(place)
    encode = header_bytes if place.kind in ("header", "field", "timestamp", "id") else to_bytes

    def read(reading: Reading) -> bytes | None:
        value = text(reading)
        return None if value is None else encode(value)

    return read


def _form_sorted(reading: Reading) -> bytes:
    """Every key and value in key order; several values of a key sorted and without repeats."""
    fields = reading.signed_fields()
    return to_bytes("".join(f"{name}{value}" for name in sorted(fields) for value in sorted(set(fields[name]))))


def _plain_text(place: Place) -> Text:
    name, path = place.name, place.path
    match place.kind:
        case "header":
            return lambda reading: reading.header(name)
        case "query" if name:
            return lambda reading: reading.query(name)
        case "form":
            return lambda reading: reading.form(name)
        case "json":
            return lambda reading: jsontext.as_text(reading.json(path))
        case "claim":
            return lambda reading: jsontext.as_text(jsontext.walk(reading.claims, path))
        case "form_json":
            return lambda reading: _form_json(reading, name, path)
        case "json_key":
            return lambda reading: _first_key(reading.document(), path)
        case "field":
            return lambda reading: reading.field(name)
        case "option":
            return lambda reading: reading.credentials.options.get(name) or None
        case "segment":
            position = int(name)
            return lambda reading: _segment(reading.split().path, position)
        case _:
            return _PLAIN[place.kind]


_PLAIN: dict[str, Text] = {
    "atlassian_qsh": lambda reading: query_string_hash(
        reading.request.method, reading.split(), reading.credentials.options.get("base_url", "")
    ),
    "content_type": lambda reading: _media_type(reading.header("content-type")),
    "host": lambda reading: reading.split().netloc.rpartition("@")[2],
    "id": lambda reading: reading.message_id,
    "method": lambda reading: reading.request.method.upper(),
    "path": lambda reading: reading.split().path,
    "public_key": lambda reading: next(iter(reading.credentials.public_keys), None),
    "query": lambda reading: reading.split().query,
    "timestamp": lambda reading: reading.stamp,
    "url": lambda reading: reading.url,
    "url_base": lambda reading: reading.url.partition("?")[0],
}


def _media_type(value: str | None) -> str | None:
    return None if value is None else media_type_of(value)


def _segment(path: str, position: int) -> str | None:
    segments = [segment for segment in path.split("/") if segment]
    try:
        return segments[position]
    except IndexError:
        return None


def _form_json(reading: Reading, field: str, path: Sequence[str]) -> str | None:
    return jsontext.as_text(jsontext.walk(reading.form_document(field), path))


def _first_key(document: object, names: Sequence[str]) -> str | None:
    if not isinstance(document, dict):
        return None
    return next((name for name in names if name in document), None)
