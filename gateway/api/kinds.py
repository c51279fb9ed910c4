"""JSON's kinds of values, strictly: a schema reads "5" as a number and 0 as false, as files and queries need it; in a
body of JSON a number is a number (RFC 8259). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.errors import Fault
from gateway.schema_fields import Text


def wrong_kinds(schema: Schema, document: Any, path: str = "") -> Iterator[Fault]:
    """The values of `document` that `schema` takes and JSON's types do not, by the path of the field."""
    if not isinstance(document, Mapping):
        return
    for name, one in schema.fields.items():
        key = one.data_key or name
        if key in document:
            yield from _wrong(one, document[key], f"{path}.{key}".lstrip("."))


def _wrong(field: fields.Field[Any], value: Any, path: str) -> Iterator[Fault]:
    match field:
        case _ if value is None:
            # Whether it may be null is the schema's matter.
            return
        case fields.Nested():
            rows = enumerate(value) if field.many and isinstance(value, list) else ()
            for index, row in rows:
                yield from wrong_kinds(field.schema, row, f"{path}[{index}]")
            if not field.many:
                yield from wrong_kinds(field.schema, value, path)
        case fields.List() if isinstance(value, list):
            for index, row in enumerate(value):
                yield from _wrong(field.inner, row, f"{path}[{index}]")
        case fields.Dict() if isinstance(value, Mapping) and field.value_field is not None:
            for name, inner in value.items():
                yield from _wrong(field.value_field, inner, f"{path}.{name}")
        case fields.Boolean() if not isinstance(value, bool):
            yield Fault(path, "malformed", "must be true or false")
        case fields.Integer() if not _is_whole(value):
            yield Fault(path, "malformed", "must be a whole number")
        case fields.Number() if not _is_number(value):
            yield Fault(path, "malformed", "must be a number")
        case Text() if not isinstance(value, str):
            yield Fault(path, "malformed", "must be a text")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())
