"""The shape of a catalogue file, checked by marshmallow and turned into the model. Each section has its own schema.

Field names here are the keys of the YAML files. What one scheme must have besides its shape is in `webhook.soundness`.
"""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, post_load, validates_schema
from marshmallow.validate import Length, OneOf

from gateway.providers import model
from gateway.providers.api.schema import ApiSchema
from gateway.providers.oauth.schema import OAuthSchema
from gateway.providers.webhook.schema import EVIDENCE_LEVELS, StrictSchema, WebhookSchema


class EvidenceSchema(StrictSchema):
    level = fields.String(required=True, validate=OneOf(EVIDENCE_LEVELS))
    by = fields.List(fields.String())
    ids = fields.String(validate=OneOf(("seen", "general")))

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.Evidence:
        return model.Evidence(data["level"], tuple(data.get("by", ())), data.get("ids", "general"))


class OptionSchema(StrictSchema):
    about = fields.String(required=True)
    default = fields.String()
    choices = fields.List(fields.String())
    binds = fields.Boolean()

    @validates_schema
    def own(self, data: dict[str, Any], **_: object) -> None:
        if data.get("binds") and "default" in data:
            raise ValidationError("binds: a value that tells one customer from the others has no default")

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> model.Option:
        return model.Option(
            data["about"], data.get("default"), tuple(data.get("choices", ())), data.get("binds", False)
        )


class ProviderSchema(StrictSchema):
    name = fields.String(required=True, validate=Length(1, 120))
    category = fields.String(required=True, validate=Length(1, 40))
    docs = fields.String()
    evidence = fields.Nested(EvidenceSchema)
    webhook = fields.Nested(WebhookSchema)
    oauth = fields.Nested(OAuthSchema)
    api = fields.Nested(ApiSchema)
    setup = fields.List(fields.String())
    options = fields.Dict(keys=fields.String(), values=fields.Nested(OptionSchema))
    quirks = fields.List(fields.String())

    @validates_schema
    def sections(self, data: dict[str, Any], **_: object) -> None:
        if not data.keys() & {"webhook", "oauth", "api"}:
            raise ValidationError(
                "needs the section `webhook`, how it signs, `oauth`, how accounts are connected, or `api`, how it is "
                "called, or several"
            )
        # The section `oauth` says itself what backs it.
        missing = {"docs", "evidence"} - data.keys() if data.keys() & {"webhook", "api"} else set()
        if missing:
            raise ValidationError({name: [fields.Field.default_error_messages["required"]] for name in missing})
        if "webhook" not in data and "options" in data:
            raise ValidationError({"options": ["are values of a source, and without `webhook` there can be none"]})
