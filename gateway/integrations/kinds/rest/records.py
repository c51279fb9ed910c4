"""What a record has to be: a marshmallow schema that is made of a description. Pure.

What comes out is JSON again: instants as UTC in ISO 8601, numbers as numbers also where a system writes them as texts,
so that two ways of writing one value are one value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from marshmallow import INCLUDE, Schema, ValidationError, fields, missing

from gateway.errors import Fault
from gateway.integrations.kinds.rest.instants import instant_of
from gateway.integrations.kinds.rest.model import FieldDescription
from gateway.schema_fields import faults_of


class InstantText(fields.Field[str]):
    """An instant as text or as seconds since the epoch; UTC in ISO 8601."""

    def __init__(self, zone: ZoneInfo, **options: Any) -> None:
        super().__init__(**options)
        self._zone = zone

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        found: datetime | None = instant_of(value, self._zone)
        if found is None:
            raise ValidationError("is no instant")
        return found.astimezone(UTC).isoformat().replace("+00:00", "Z")


class DayText(fields.Field[str]):
    """A day: `2026-11-27`."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        try:
            return date.fromisoformat(value).isoformat()
        except (TypeError, ValueError) as error:
            raise ValidationError("is no day") from error


class JsonList(fields.Field[list[Any]]):
    """A list of anything."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValidationError("is no list")
        return value


class JsonObject(fields.Field[dict[str, Any]]):
    """An object of anything."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("is no object")
        return value


class Whole(fields.Integer):
    """A whole number; true and false are none."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        if isinstance(value, bool):
            raise self.make_error("invalid")
        return super()._deserialize(value, *args, **options)


class Number(fields.Field[int | float]):
    """A finite number, also one that is written as a text."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValidationError("is no number")
        try:
            found = float(value)
        except (ValueError, OverflowError) as error:
            raise ValidationError("is no number") from error
        if found != found or found in (float("inf"), float("-inf")):
            raise ValidationError("is no finite number")
        return value if isinstance(value, int) else int(found) if found.is_integer() else found


_Make = Callable[[ZoneInfo, dict[str, Any]], fields.Field[Any]]

TYPES: Final[Mapping[str, _Make]] = {
    "any": lambda zone, options: fields.Raw(**options),
    "text": lambda zone, options: fields.String(**options),
    "integer": lambda zone, options: Whole(strict=True, **options),
    "number": lambda zone, options: Number(**options),
    "boolean": lambda zone, options: fields.Boolean(**options),
    "instant": lambda zone, options: InstantText(zone, **options),
    "day": lambda zone, options: DayText(**options),
    "email": lambda zone, options: fields.Email(**options),
    "url": lambda zone, options: fields.URL(**options),
    "list": lambda zone, options: JsonList(**options),
    "object": lambda zone, options: JsonObject(**options),
}
"""The types that a field can have, and the field of a schema that judges it."""


class RecordJudge:
    """Judges the values of a record by the types that `described` gives to them. Others are kept as they are."""

    def __init__(self, described: Mapping[str, FieldDescription], zone: ZoneInfo) -> None:
        judged = {name: one for name, one in described.items() if one.type != "any" or one.required}
        made = {
            name: TYPES[one.type](zone, {"required": one.required, "allow_none": not one.required})
            for name, one in judged.items()
        }
        self._schema: Schema | None = Schema.from_dict(made)(unknown=INCLUDE) if made else None
        self._fields = list(self._schema.fields.items()) if self._schema is not None else []
        self._paths = {name: one.read or name for name, one in judged.items()}

    def judge(self, values: dict[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
        """The values as they are kept, and what is wrong with them by its place in the record."""
        if self._schema is None:
            return values, []
        kept = dict(values)
        try:
            # What the schema does for a record without faults, at half the cost.
            for name, field in self._fields:
                found = field.deserialize(values.get(name, missing))
                if found is not missing:
                    kept[name] = found
        except ValidationError:
            return values, list(self._faults(self._schema.validate(values)))
        return kept, []

    def _faults(self, messages: Mapping[str, Any]) -> Iterator[Fault]:
        for name, inner in messages.items():
            for fault in faults_of(inner):
                yield Fault(self._paths.get(name, name), fault.code, f"{name}: {fault.message}")
