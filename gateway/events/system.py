"""What happens inside the gateway, as values: one constructor for each type of event of our own.

They are journalled with source `gateway` and routed like any other event; doing that is
`gateway.delivery.system_events`' matter. The types and their data are promises: `docs/reference/events.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gateway.events.models import SYSTEM_SOURCE

DELIVERY_DEAD = "gateway.delivery.dead"
DESTINATION_DISABLED = "gateway.destination.disabled"
CONNECTION_CREATED = "gateway.connection.created"
CONNECTION_NEEDS_REAUTH = "gateway.connection.needs_reauth"
CONNECTION_RECOVERED = "gateway.connection.recovered"
CONNECTION_DEGRADED = "gateway.connection.degraded"
CONNECTION_EXPIRING = "gateway.connection.expiring"
CONNECTION_REVOKED = "gateway.connection.revoked"
# Sent to a destination that is tried, and journalled nowhere.
DESTINATION_TEST = "gateway.destination.test"


class Occurrence(NamedTuple):
    """Something that happened inside, for one tenant. `data` must be JSON."""

    tenant_id: str
    type: str
    data: Mapping[str, object]


def is_reportable(source: str) -> bool:
    """Whether trouble with an event of `source` may make an event of our own: else there would be loops."""
    return source != SYSTEM_SOURCE


def delivery_dead(
    tenant_id: str,
    *,
    delivery_id: str,
    event_id: str,
    event_type: str | None,
    source: str,
    destination_id: str,
    destination: str | None,
    attempts: int,
    reason: str | None,
    detail: str | None,
) -> Occurrence:
    """A delivery was given up. `destination` is its name, None when it is no longer known."""
    data = {
        "delivery_id": delivery_id,
        "event_id": event_id,
        "event_type": event_type,
        "source": source,
        "destination_id": destination_id,
        "destination": destination,
        "attempts": attempts,
        "reason": reason,
        "detail": detail,
    }
    return Occurrence(tenant_id, DELIVERY_DEAD, data)


def destination_disabled(
    tenant_id: str, *, destination_id: str, destination: str | None, reason: str, delivery_id: str
) -> Occurrence:
    """A destination was taken out of service because of what it answered to `delivery_id`."""
    data = {"destination_id": destination_id, "destination": destination, "reason": reason, "delivery_id": delivery_id}
    return Occurrence(tenant_id, DESTINATION_DISABLED, data)


def connection_changed(
    tenant_id: str,
    event_type: str,
    *,
    connection_id: str,
    provider: str,
    app_credentials: str | None,
    reference: str | None,
    account_id: str | None,
    account_label: str | None,
    state: str,
    reason: str | None,
    detail: str | None,
    expires_at: str | None = None,
) -> Occurrence:
    """A connection began, broke, works again, or ended, as `event_type` (`gateway.connection.…`) says.

    `app_credentials` is their name. `expires_at` is for `gateway.connection.expiring`: when the grant ends unless the
    customer connects again.
    """
    data = {
        "connection_id": connection_id,
        "provider": provider,
        "app_credentials": app_credentials,
        "reference": reference,
        "account_id": account_id,
        "account_label": account_label,
        "state": state,
        "reason": reason,
        "detail": detail,
        "expires_at": expires_at,
    }
    return Occurrence(tenant_id, event_type, data)
