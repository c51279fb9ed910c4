"""The shape of a system's description, checked by marshmallow and turned into the model.

Field names here are the keys of the YAML. The section `api` has the shape of a catalogue entry's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields, post_load, pre_load
from marshmallow.validate import Length, OneOf, Regexp

from gateway.entities.external import Direction, Policy
from gateway.errors import InvalidInput
from gateway.integrations.kinds.rest import model
from gateway.integrations.kinds.rest.paths import compile_path, word_of
from gateway.integrations.kinds.rest.records import TYPES
from gateway.providers.api.schema import ApiSchema
from gateway.providers.webhook.schema import StrictSchema
from gateway.schema_fields import texts

LONGEST_PATH = 4_096
_DOTTED = Regexp(r"[^.\s]+(\.[^.\s]+)*\Z", error="is a name, or names joined by dots")
_KIND = Regexp(r"[a-z][a-z0-9_]{0,63}\Z", error="is lower-case letters, digits and _, at most 64")


class PathField(fields.String):
    """A JMESPath that compiles, as it was written."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        text: str = super()._deserialize(value, *args, **options)
        if len(text) > LONGEST_PATH:
            raise ValidationError(f"is longer than {LONGEST_PATH} characters")
        try:
            compile_path(text).check_calls()
        except InvalidInput as error:
            raise ValidationError(str(error)) from error
        return text


class WordsField(fields.Field[list[tuple[Any, str]]]):
    """The system's words and ours: an object, or pairs where the system's are numbers, true or false."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> list[tuple[Any, str]]:
        pairs = [[*pair] for pair in value.items()] if isinstance(value, Mapping) else value
        if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
            raise ValidationError("maps the system's words to ours: an object, or a list of pairs")
        if not all(isinstance(word, str | int | float) for pair in pairs for word in pair):
            raise ValidationError("has words only")
        return [(theirs, word_of(ours)) for theirs, ours in pairs]


class FieldSchema(StrictSchema):
    read = PathField(data_key="from")
    to = fields.String(validate=_DOTTED)
    write = PathField()
    values = WordsField()
    type = fields.String(validate=OneOf(tuple(TYPES)))
    required = fields.Boolean()
    direction = fields.Enum(Direction, by_value=True)
    policy = fields.Enum(Policy, by_value=True)
    preferred = fields.String(validate=OneOf(("local", "external")))
    list_key = fields.String(validate=Length(1))

    @pre_load
    def short(self, data: Any, **_: object) -> Any:
        """A path alone is a field that is read there."""
        return {"from": data} if isinstance(data, str) else data

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.FieldDescription:
        return model.FieldDescription(**data)


class StateSchema(StrictSchema):
    read = PathField(data_key="from", required=True)
    values = WordsField()
    at = PathField()

    @pre_load
    def short(self, data: Any, **_: object) -> Any:
        return {"from": data} if isinstance(data, str) else data

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.StateDescription:
        return model.StateDescription(**data)


class FindSchema(StrictSchema):
    record = PathField(required=True)
    value = PathField()
    parameter = fields.String(validate=Length(1))

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.FindDescription:
        return model.FindDescription(**data)


class ZoneField(fields.String):
    """The name of a time zone."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        text: str = super()._deserialize(value, *args, **options)
        try:
            ZoneInfo(text)
        except (LookupError, ValueError, OSError) as error:
            raise ValidationError(f"{text!r} is no time zone, such as Europe/Berlin") from error
        return text


class EntitySchema(StrictSchema):
    kind = fields.String(validate=_KIND)
    name = PathField()
    fields_ = fields.Dict(
        keys=fields.String(validate=Length(1, 128)), values=fields.Nested(FieldSchema), data_key="fields"
    )
    state = fields.Nested(StateSchema)
    parent = PathField()
    area = PathField()
    version = PathField()
    updated_at = PathField()
    mark = PathField()
    merged_into = PathField()
    others = fields.String(validate=OneOf(("keep", "drop")))
    within = PathField()
    zone = ZoneField()
    parameters = texts()
    query = texts()
    answer = PathField()
    returns = fields.String(validate=OneOf(("record", "id", "nothing")))
    sends = fields.String(validate=OneOf(("changed", "record")))
    create = fields.Dict(keys=fields.String(validate=_DOTTED), values=PathField())
    find = fields.Nested(FindSchema)
    is_complete = fields.Boolean(data_key="complete")
    shifts = fields.Boolean()

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """Without its kind yet, which the list may name."""
        if "fields_" in data:
            data["fields"] = data.pop("fields_")
        if "others" in data:
            data["others"] = data["others"] == "keep"
        return data


class SystemSchema(StrictSchema):
    api = fields.Nested(ApiSchema)
    entities = fields.Dict(keys=fields.String(), values=fields.Nested(EntitySchema))
