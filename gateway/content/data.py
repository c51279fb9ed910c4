"""What a body is as data, decided here for all who ask: verification, filters and transforms, and handlers.

A vendor's Content-Type is a hint. Text that is a JSON object or array is JSON whatever the header says, because that is
how its type and id were read; other text is a form where the header says form. gzip is undone first.
"""

from __future__ import annotations

import json
from typing import Any

from gateway.content import jsontext
from gateway.content.compression import inflated
from gateway.content.forms import FORM_TYPES, media_type_of, parse_form


class NotData(ValueError):
    """The body says nothing that could be asked. The message completes "the body …", without its contents."""


def data_of(content_type: str | None, body: bytes) -> Any:
    """JSON as it is, a form as an object of its fields, of which the first of a name counts. Raises `NotData`."""
    plain = _plain(body)
    is_form = media_type_of(content_type or "") in FORM_TYPES
    if not is_form or jsontext.is_container(plain):
        if jsontext.has_too_many_values(plain, jsontext.MAX_VALUES):
            raise NotData(f"has more than {jsontext.MAX_VALUES} values")
        document = jsontext.parse(plain)
        if document is not jsontext.ABSENT:
            return document
    if not is_form:
        raise NotData("is not JSON")
    fields = parse_form(content_type or "", plain)
    if fields is None:
        raise NotData("is a form that cannot be read, or has too many fields")
    return {_readable(name): _readable(values[0]) for name, values in fields.items()}


def json_of(body: bytes) -> Any:
    """The body as JSON. Raises ValueError when it is none."""
    try:
        return json.loads(_plain(body))
    except RecursionError as error:
        raise NotData("is nested too deeply") from error


def _plain(body: bytes) -> bytes:
    plain = inflated(body)
    if plain is None:
        raise NotData("begins like gzip and is not, or is cut short, too large or followed by more")
    return plain


def _readable(text: str) -> str:
    """What is no UTF-8 as U+FFFD: it goes into JSON."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
