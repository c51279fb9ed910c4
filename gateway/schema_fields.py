"""What schemas share: how instants, texts and bodies are written, and what is said of what does not fit."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, missing

from gateway.clock import iso
from gateway.durations import parse_duration
from gateway.errors import Fault

# What marshmallow says in words, as codes of ours; whatever else it says is `malformed`.
_CODES: Mapping[str, str] = {"Unknown field.": "not_taken", "Missing data for required field.": "missing"}

MAY_BE_MISSING = "x-may-be-missing"
"""In the metadata of a field that is not always shown."""


# Metadata of a field that changes by itself, while nobody changes the thing: it is no part of its version.
VOLATILE: Mapping[str, Any] = {"x-volatile": True}


class Instant(fields.Field[datetime]):
    """An aware datetime, shown in ISO 8601: UTC, milliseconds, `Z`. For showing only."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else iso(value)


class OutOfOrderSchema(Schema):
    """Why a thing is out of order."""

    code = fields.String()
    detail = fields.String()


class Text(fields.Field[str]):
    """A text; a number or a boolean that is given is taken for its text, as YAML has both."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str | int | float):
            raise ValidationError("must be a text")
        return str(value).lower() if isinstance(value, bool) else str(value)


class Age(fields.Field[timedelta]):
    """A duration as people write it: `90s`, `30m`, `24h`, `7d`. For taking only."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> timedelta:
        found = parse_duration(value) if isinstance(value, str) else None
        if found is None:
            raise ValidationError("must be a duration such as 30m, 24h or 7d")
        return found


class Moment(fields.Field[datetime]):
    """An instant that is given: RFC 3339 with its offset, or `Z`. For taking only."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        try:
            found = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            found = None
        # What journals can hold; and room for the margins that searches add.
        if found is None or found.tzinfo is None or not 1970 < found.year < 2200:
            raise ValidationError("must be an instant such as 2026-11-27T12:00:00Z")
        return found.astimezone(UTC)


class BodyText(fields.Field[bytes]):
    """A body as text, left out when it is none."""

    def _serialize(self, value: bytes | None, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        try:
            return (value or b"").decode("utf-8")
        except UnicodeDecodeError:
            return missing


class BodyBase64(fields.Field[bytes]):
    """A body that is no text, in base64; left out when it is one."""

    def _serialize(self, value: bytes | None, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        held = value or b""
        try:
            held.decode("utf-8")
        except UnicodeDecodeError:
            return base64.b64encode(held).decode("ascii")
        return missing


def texts(**options: Any) -> fields.Dict:
    """Names and texts."""
    return fields.Dict(keys=fields.String(), values=Text(), **options)


def pairs(**options: Any) -> fields.Field[Any]:
    """Names and values in order, repeats kept: `[[name, value], …]`."""
    pair: fields.Field[Any] = fields.List(fields.String())
    return fields.List(pair, **options)


def faults_of(messages: object, path: str = "") -> Iterator[Fault]:
    """What a schema says of what does not fit (`ValidationError.messages`), as faults by the path of the field."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            if isinstance(name, int):
                step = f"{path}[{name}]"
            else:
                # marshmallow says `value` between a key of a mapping and what is wrong with its value.
                is_between = name == "_schema" or (name == "value" and path)
                step = path if is_between else f"{path}.{name}".lstrip(".")
            yield from faults_of(inner, step)
    elif isinstance(messages, list):
        for inner in messages:
            yield from faults_of(inner, path)
    else:
        yield Fault(path, _CODES.get(str(messages), "malformed"), str(messages))
