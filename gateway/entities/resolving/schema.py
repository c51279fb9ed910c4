"""What may be said about a conflict, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from gateway.entities.resolving.choices import Resolution

_SIDE = validate.OneOf(["local", "external"])


class ResolutionSchema(Schema):
    """How a conflict is decided."""

    take = fields.String(
        load_default=None,
        allow_none=True,
        validate=_SIDE,
        metadata={"description": "The side that holds for each field of which nothing else is said."},
    )
    fields_ = fields.Dict(
        keys=fields.String(),
        values=fields.String(validate=_SIDE),
        load_default=dict,
        attribute="fields",
        data_key="fields",
        metadata={"description": "The side that holds, by field: `local` or `external`."},
    )
    values_ = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        attribute="values",
        data_key="values",
        metadata={"description": "Other values, by field."},
    )


def resolution(data: Mapping[str, Any]) -> Resolution:
    """What `ResolutionSchema` loaded."""
    return Resolution(take=data["take"], sides=data["fields"], values=data["values"])
