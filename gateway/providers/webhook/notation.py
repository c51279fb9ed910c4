"""Marshmallow fields for the catalogue's notation: places, templates, conditions, paths, patterns and key steps.

Each turns what stands in a YAML file into the model's frozen data and refuses, with a sentence, what it cannot
read. The entry's shape is in `schema`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from gateway.providers.webhook.parts import Condition
from gateway.providers.webhook.places import Place, Template, parse_place, parse_template, split_path

KEY_STEPS = frozenset({"append", "base64", "base64url", "hex", "nfkd", "sha1", "sha256", "strip", "utf8"})
_STEPS_WITH_TEXT = frozenset({"append", "strip"})


def _text(value: object) -> str:
    """YAML writes numbers where text is meant (`SignatureVersion: 1`): take whole numbers, nothing else."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValidationError("must be text; put it in quotes")


def _place(value: object) -> Place:
    try:
        return parse_place(_text(value))
    except ValueError as error:
        raise ValidationError(str(error)) from error


def _template(value: object) -> Template:
    try:
        return parse_template(_text(value))
    except ValueError as error:
        raise ValidationError(str(error)) from error


class TextField(fields.Field[str]):
    """Text; a whole number counts as its digits."""

    def _deserialize(self, value: object, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        return _text(value)


class PlaceField(fields.Field[Place]):
    """One place."""

    def _deserialize(self, value: object, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Place:
        return _place(value)


class PlacesField(fields.Field[tuple[Place, ...]]):
    """One place, or a list of alternatives of which the first present counts."""

    def _deserialize(
        self, value: object, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[Place, ...]:
        if isinstance(value, list):
            return tuple(_place(item) for item in value)
        return (_place(value),)


class TemplateField(fields.Field[Template]):
    """One template."""

    def _deserialize(self, value: object, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Template:
        return _template(value)


class TemplatesField(fields.Field[tuple[Template, ...]]):
    """One template, or a list of alternatives."""

    def _deserialize(
        self, value: object, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[Template, ...]:
        if isinstance(value, list):
            return tuple(_template(item) for item in value)
        return (_template(value),)


class JsonAnswerField(fields.Field[Mapping[str, Template | int | bool]]):
    """A flat JSON object whose texts are templates."""

    def _deserialize(
        self, value: object, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Mapping[str, Template | int | bool]:
        if not isinstance(value, dict):
            raise ValidationError("must be a mapping of names to texts or numbers")
        return {str(key): item if isinstance(item, int) else _template(item) for key, item in value.items()}


class ConditionsField(fields.Field[tuple[Condition, ...]]):
    """A mapping of places to a text, a list of texts, or `{present: true}`; all must hold."""

    def _deserialize(
        self, value: object, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[Condition, ...]:
        if not isinstance(value, dict) or not value:
            raise ValidationError("must be a mapping such as {json:type: url_verification}")
        return tuple(self._condition(_place(place), wanted) for place, wanted in value.items())

    def _condition(self, place: Place, wanted: object) -> Condition:
        if isinstance(wanted, dict):
            if set(wanted) != {"present"} or not isinstance(wanted["present"], bool):
                raise ValidationError(f"{place.text}: must be a text, a list of texts, or {{present: true|false}}")
            return Condition(place, (), wanted["present"])
        texts = wanted if isinstance(wanted, list) else [wanted]
        if not texts:
            raise ValidationError(f"{place.text}: the list of texts is empty")
        return Condition(place, tuple(_text(text) for text in texts))


class PathField(fields.Field[tuple[str, ...]]):
    """A dotted JSON path; the empty text is the document itself."""

    def _deserialize(
        self, value: object, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[str, ...]:
        return split_path(_text(value))


class PatternField(fields.Field[str]):
    """A regular expression that must match a whole text."""

    def _deserialize(self, value: object, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        pattern = _text(value)
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValidationError(f"not a regular expression: {error}") from error
        return pattern


class StepsField(fields.Field[tuple[str, ...]]):
    """How a secret becomes key bytes: a list such as `[strip:whsec_, base64]`, left to right."""

    def _deserialize(
        self, value: object, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise ValidationError("must be a list of steps such as [strip:whsec_, base64]")
        return tuple(self._step(_text(item)) for item in value)

    def _step(self, step: str) -> str:
        name, colon, text = step.partition(":")
        if name not in KEY_STEPS or bool(colon and text) != (name in _STEPS_WITH_TEXT):
            raise ValidationError(f"{step!r} is not a step; steps are {', '.join(sorted(KEY_STEPS))}")
        return step
