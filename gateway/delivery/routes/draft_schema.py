"""What may be given for a route as data: in a manifest and by programs. What is shown of one is in `schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from gateway.delivery.routes.draft import RouteChange, RouteDraft


class RouteExpressionsSchema(Schema):
    """Which events a route takes, and what it makes of them."""

    types = fields.List(
        fields.String(), data_key="event_types", metadata={"description": "Types and patterns; none means all."}
    )
    where = fields.String(allow_none=True, metadata={"description": "JMESPath: only events for which it holds."})
    transform = fields.String(allow_none=True, metadata={"description": "JMESPath: sent instead of the raw body."})
    connection = fields.String(
        allow_none=True,
        metadata={"description": "The id of a connection, of which a fresh token is handed over with each delivery."},
    )


class RouteDraftSchema(RouteExpressionsSchema):
    """What may be given for a new route. Without a name it is called after its source and destination."""

    source = fields.String(required=True)
    to = fields.String(data_key="destination", required=True)
    allow_null = fields.Boolean(load_default=False)
    name = fields.String(allow_none=True)


class RouteChangeSchema(RouteExpressionsSchema):
    """What may be changed of a route. Null takes an expression or a connection away."""

    source = fields.String()
    to = fields.String(data_key="destination")
    allow_null = fields.Boolean()
    name = fields.String()


def route_draft(data: Mapping[str, Any]) -> RouteDraft:
    """What `RouteDraftSchema` loaded, as a draft; for a preview the destination may be left out."""
    return RouteDraft(
        source=data["source"],
        destination=data.get("to", ""),
        event_types=tuple(data.get("types", ())),
        where=data.get("where"),
        transform=data.get("transform"),
        name=data.get("name"),
        allow_null=data["allow_null"],
        connection=data.get("connection"),
    )


def route_change(data: Mapping[str, Any]) -> RouteChange:
    """What `RouteChangeSchema` loaded, as a change."""
    expressions = {name: data[name] or "" for name in ("where", "transform", "connection") if name in data}
    return RouteChange(
        name=data.get("name"),
        source=data.get("source"),
        destination=data.get("to"),
        event_types=data.get("types"),
        allow_null=data.get("allow_null"),
        **expressions,
    )
