"""What may be asked for of events and deliveries, as data. What is shown of them is in `schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from gateway.delivery.event_replay.aim import Again, Aim
from gateway.delivery.event_status import EventStatus
from gateway.delivery.looked_for import LookedFor, header_of
from gateway.delivery.models import DeliveryState
from gateway.delivery.search import DeliverySearch
from gateway.events.search import EventFilter
from gateway.schema_fields import Moment

STATES = [state.value for state in DeliveryState]


class TimeSpanSchema(Schema):
    """When things came or were made."""

    since = Moment(metadata={"description": "Not older than this."})
    until = Moment(metadata={"description": "Older than this."})


class FollowedEventsSchema(Schema):
    """Which events are followed."""

    source = fields.String(metadata={"description": "Only of this source, by its slug."})
    type = fields.String(metadata={"description": "Only of this type; `*` and `?` stand for anything."})


class EventFilterSchema(TimeSpanSchema, FollowedEventsSchema):
    """Which events."""

    status = fields.String(
        validate=validate.OneOf([status.value for status in EventStatus]),
        metadata={"description": "What became of them."},
    )


class EventQuerySchema(EventFilterSchema):
    """Which events of a list."""

    q = fields.String(
        metadata={
            "description": "Words that all have to be in the body or the dedupe key; whole, in any case and order."
        }
    )
    vendor_id = fields.String(metadata={"description": "The id that the vendor gave it."})
    header = fields.String(metadata={"description": "A header with its whole value, written `NAME=VALUE`."})
    where = fields.String(
        metadata={"description": "A JMESPath expression over the body that has to hold, as routes have them."}
    )


class AimSchema(Schema):
    """How events are delivered again: where they went before, or where `destination` or `route` says."""

    route = fields.String(metadata={"description": "Through this route, by its name or id."})
    destination = fields.String(metadata={"description": "To this destination, with the raw body."})
    again = fields.String(
        load_default=Again.FAILED.value,
        validate=validate.OneOf([one.value for one in Again]),
        metadata={"description": "What of it is sent that was made before."},
    )


class DeliveryQuerySchema(TimeSpanSchema):
    """Which deliveries of a list."""

    state = fields.String(validate=validate.OneOf(STATES))
    destination = fields.String(metadata={"description": "Only to this destination, by its name."})
    event = fields.String(metadata={"description": "Only of this event, by its id or its vendor's."})


def event_filter(data: Mapping[str, Any]) -> EventFilter:
    """What `EventFilterSchema` loaded, but for the status."""
    return EventFilter(data.get("source"), data.get("type"), data.get("since"), data.get("until"))


def status_of(data: Mapping[str, Any]) -> EventStatus | None:
    """The status that `EventFilterSchema` loaded."""
    return None if data.get("status") is None else EventStatus(data["status"])


def looked_for(data: Mapping[str, Any]) -> LookedFor:
    """What `EventQuerySchema` loaded of what is inside of events. Raises `InvalidInput`."""
    headers = () if data.get("header") is None else (header_of(data["header"]),)
    return LookedFor(data.get("q"), data.get("vendor_id"), headers, data.get("where"))


def aim_of(data: Mapping[str, Any]) -> Aim:
    """What `AimSchema` loaded."""
    return Aim(Again(data["again"]), data.get("route"), data.get("destination"))


def delivery_search(data: Mapping[str, Any]) -> DeliverySearch:
    """What `DeliveryQuerySchema` loaded."""
    state = None if data.get("state") is None else DeliveryState(data["state"])
    return DeliverySearch(state, data.get("destination"), data.get("event"), data.get("since"), data.get("until"))
