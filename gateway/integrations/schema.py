"""Integrations and their types as they are shown as data: secrets never are."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateway.schema_fields import VOLATILE, Instant


class AttributeSchema(Schema):
    """One setting that a type asks for: what a form needs to know."""

    key = fields.String()
    label = fields.String()
    kind = fields.String(
        metadata={"description": "string, integer, number, boolean, choice, list, mapping, url or secret."}
    )
    help = fields.String()
    required = fields.Boolean()
    unless_connected = fields.Boolean(metadata={"description": "Not asked for where a connection is used."})
    secret = fields.Boolean(metadata={"description": "Given in `secrets`, and never shown again."})
    default = fields.Raw(allow_none=True)
    minimum = fields.Float(allow_none=True)
    maximum = fields.Float(allow_none=True)
    choices = fields.List(fields.String())
    pattern = fields.String(allow_none=True)
    example = fields.Raw(allow_none=True)


class TypeSchema(Schema):
    """Shown in this order."""

    id = fields.String()
    label = fields.String(allow_none=True)
    description = fields.String(allow_none=True)
    providers = fields.List(
        fields.String(), metadata={"description": "Of which providers connections are taken; `*`: of each."}
    )
    needs_connection = fields.Boolean()
    is_live = fields.Boolean(metadata={"description": "Changes come as they happen, beside the schedule."})
    schedule = fields.String(allow_none=True)
    attributes = fields.List(fields.Nested(AttributeSchema))
    broken = fields.String(allow_none=True, metadata={"description": "Why it cannot be used; null where it can."})


class WebhooksSchema(Schema):
    """What is registered at the provider for the integration's source."""

    registered = fields.List(fields.String(), metadata={"description": "What each is about: a repository, a topic."})
    ends_at = fields.String(allow_none=True, metadata={"description": "When the first ends, unless it is renewed."})
    looked_at = fields.String(allow_none=True, metadata={"description": "When they were last seen to be there."})
    retry_at = fields.String(allow_none=True, metadata={"description": "When it is tried again, after an error."})
    error = fields.String(allow_none=True)


class IntegrationSchema(Schema):
    """Shown in this order."""

    id = fields.String()
    name = fields.String()
    type = fields.String()
    label = fields.String(allow_none=True)
    state = fields.String()
    reason = fields.String(allow_none=True)
    detail = fields.String(allow_none=True)
    connection = fields.String(allow_none=True)
    source = fields.String(allow_none=True)
    configuration = fields.Dict(keys=fields.String(), values=fields.Raw(allow_none=True))
    secrets = fields.List(fields.String(), metadata={"description": "The names of those that are held."})
    sync = fields.Dict(keys=fields.String(), values=fields.Raw(allow_none=True))
    schedule = fields.String(metadata={"description": "A duration, a cron expression in UTC, or `never`."})
    revision = fields.Integer()
    health = fields.String(metadata=VOLATILE)
    health_since = Instant(allow_none=True, metadata=VOLATILE)
    data_at = Instant(allow_none=True, metadata=VOLATILE)
    activated_at = Instant(allow_none=True)
    created_at = Instant()
    updated_at = Instant()
    webhooks = fields.Nested(WebhooksSchema, allow_none=True, metadata=VOLATILE)
    broken = fields.String(
        allow_none=True, metadata={"description": "Why its type cannot be used; null where it can.", **VOLATILE}
    )


class RevisionSchema(Schema):
    """A configuration that an integration had. Secrets are not in it."""

    revision = fields.Integer()
    configuration = fields.Dict(keys=fields.String(), values=fields.Raw(allow_none=True))
    sync = fields.Dict(keys=fields.String(), values=fields.Raw(allow_none=True))
    connection = fields.String(allow_none=True)
    actor_kind = fields.String()
    actor_name = fields.String()
    created_at = Instant()


class ResultSchema(Schema):
    """What came of activating, deactivating, testing or syncing. What else belongs to it stands in `details`."""

    status = fields.String(metadata={"description": "success or error."})
    message = fields.String()
    redirect = fields.String(allow_none=True, metadata={"description": "Where a person goes on, if anywhere."})
    code = fields.String(allow_none=True, metadata={"description": "Of an error."})
    details = fields.Dict(keys=fields.String(), values=fields.Raw(allow_none=True))


class CheckSchema(Schema):
    """One check of an integration."""

    name = fields.String()
    health = fields.String(metadata={"description": "unknown, healthy, degraded or unhealthy."})
    message = fields.String()
    since = Instant()


class HealthSchema(Schema):
    """How an integration is: the worst of its checks."""

    integration = fields.String()
    state = fields.String()
    health = fields.String()
    since = Instant(allow_none=True)
    data_at = Instant(allow_none=True)
    checked_at = Instant(allow_none=True)
    retry_at = Instant(allow_none=True, metadata={"description": "Until then its schedule waits: its runs fail."})
    checks = fields.List(fields.Nested(CheckSchema))
