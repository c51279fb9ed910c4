"""What may be given for a destination as data: in a manifest and by programs. What is shown of one is in `schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.delivery.destinations.changes import DestinationChange
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.schema_fields import Age, Text, texts


class DestinationSettingsSchema(Schema):
    """What may be given for a destination whenever it changes. Null means the gateway's default."""

    ordering_key = fields.String(allow_none=True, metadata={"description": "JMESPath over the event."})
    timeout = fields.Float(data_key="timeout_seconds", allow_none=True)
    concurrency = fields.Integer(strict=True, allow_none=True)
    rate = fields.Float(data_key="rate_per_second", allow_none=True)
    schedule = fields.List(fields.Float(), data_key="schedule_seconds", allow_none=True)
    headers = texts(metadata={"description": "Sent with each delivery; their values are never shown."})
    fatal_statuses = fields.List(fields.Integer(strict=True))
    connection = fields.String(
        allow_none=True, metadata={"description": "The id of the connection whose token goes along."}
    )


class DestinationDraftSchema(DestinationSettingsSchema):
    """What may be given for a new destination."""

    name = fields.String(required=True)
    url = fields.String(required=True)
    enabled = fields.Boolean(load_default=True)
    secret = fields.String(
        metadata={"description": "The signing secret, `whsec_` and base64 of 24 to 64 bytes; else one is made."}
    )


class DestinationChangeSchema(DestinationSettingsSchema):
    """What may be changed of a destination. Headers that are not named stay; null takes one away."""

    url = fields.String()
    headers = fields.Dict(keys=fields.String(), values=Text(allow_none=True))


class DestinationPauseSchema(Schema):
    """For how long nothing is to be tried."""

    pause = Age(data_key="for", required=True, metadata={"description": "Such as `30m`; at most a day."})


class SigningSecretDraftSchema(Schema):
    """How a new signing secret takes the place of the old ones."""

    secret = fields.String(metadata={"description": "The new one; else one is made."})
    overlap = Age(metadata={"description": "How long the old ones sign too, such as `24h`, which is the default."})


def destination_draft(data: Mapping[str, Any]) -> DestinationDraft:
    """What `DestinationDraftSchema` loaded, as a draft."""
    schedule = data.get("schedule")
    return DestinationDraft(
        name=data["name"],
        url=data["url"],
        ordering_key=data.get("ordering_key"),
        timeout_seconds=data.get("timeout"),
        concurrency=data.get("concurrency"),
        rate_per_second=data.get("rate"),
        schedule_seconds=None if schedule is None else tuple(schedule),
        headers=tuple(data.get("headers", {}).items()),
        fatal_statuses=tuple(sorted(set(data.get("fatal_statuses", ())))),
        enabled=data.get("enabled"),
        connection=data.get("connection"),
        secret=data.get("secret"),
    )


def destination_change(data: Mapping[str, Any]) -> DestinationChange:
    """What `DestinationChangeSchema` loaded, as a change."""
    names = {"timeout": "timeout_seconds", "rate": "rate_per_second", "schedule": "schedule_seconds"}
    return DestinationChange(**{names.get(name, name): value for name, value in data.items()})
