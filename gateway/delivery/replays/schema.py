"""A replay of many events as data: what is shown, what may be given, what may be asked for of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from gateway.delivery.event_replay.replay import WhichEvents
from gateway.delivery.query_schema import AimSchema, EventFilterSchema, aim_of, event_filter, status_of
from gateway.delivery.replays.draft import ReplayDraft
from gateway.delivery.schema import ReplayCountsSchema
from gateway.jobs.models import JobState
from gateway.schema_fields import Instant

STATES = [state.value for state in JobState]


class AskedReplaySchema(Schema):
    """What was asked for. Events from `until` on are not meant."""

    source = fields.String(allow_none=True)
    type = fields.String(allow_none=True)
    status = fields.String(allow_none=True)
    since = fields.String(allow_none=True, metadata={"format": "date-time"})
    until = fields.String(metadata={"format": "date-time"})
    route = fields.String(allow_none=True)
    destination = fields.String(allow_none=True)
    again = fields.String()


class ReplaySchema(Schema):
    """A replay with its counts so far. `reached_at` is when the last event came that was looked at."""

    id = fields.String()
    state = fields.String(validate=validate.OneOf(STATES))
    plan = fields.Boolean(attribute="is_plan")
    asked = fields.Nested(AskedReplaySchema)
    counts = fields.Nested(ReplayCountsSchema)
    reached_at = Instant(allow_none=True)
    asker_kind = fields.String()
    asker_id = fields.String(allow_none=True)
    asker_name = fields.String()
    detail = fields.String(allow_none=True)
    created_at = Instant()
    started_at = Instant(allow_none=True)
    finished_at = Instant(allow_none=True)


class ReplayDraftSchema(EventFilterSchema, AimSchema):
    """Which events, and how they are delivered again. At least one thing has to be said of which."""

    plan = fields.Boolean(load_default=False, metadata={"description": "Count what it would do, and deliver nothing."})


class ReplayQuerySchema(Schema):
    """Which replays of a list."""

    state = fields.String(load_default=None, validate=validate.OneOf(STATES))


def replay_draft(data: Mapping[str, Any]) -> ReplayDraft:
    """What `ReplayDraftSchema` loaded, as a draft."""
    return ReplayDraft(WhichEvents(event_filter(data), status_of(data)), aim_of(data), data["plan"])


def state_of(data: Mapping[str, Any]) -> JobState | None:
    """The state that `ReplayQuerySchema` loaded."""
    return None if data["state"] is None else JobState(data["state"])
