"""What jobs of integrations are given."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from gateway.entities.states import RunMode

MODES = tuple(one.value for one in RunMode)
CLEANUPS = ("safe", "all")


class IntegrationPayload(Schema):
    """Which integration, by its id."""

    integration = fields.String(required=True)


class ActivatePayload(IntegrationPayload):
    """`undo`: what an activation that was stopped has made is taken back, and no more."""

    undo = fields.Boolean(load_default=False)


class DeactivatePayload(IntegrationPayload):
    """`mode` is what becomes of its entities. `force`: what cannot be taken back outside is left there."""

    mode = fields.String(load_default="safe", validate=validate.OneOf(CLEANUPS))
    force = fields.Boolean(load_default=False)


class SyncPayload(IntegrationPayload):
    """`mode` None: what changed where that can be told, else everything. `run` is the id that the run gets."""

    mode = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(MODES))
    trigger = fields.String(load_default="person")
    is_plan = fields.Boolean(load_default=False)
    run = fields.String(load_default=None, allow_none=True)


class StreamPayload(IntegrationPayload):
    """`failures`: so often in a row it could not be held."""

    failures = fields.Integer(load_default=0)


class NoticePayload(Schema):
    """Which event, by its id."""

    event = fields.String(required=True)
