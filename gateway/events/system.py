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
ENTITY_CREATED = "gateway.entity.created"
ENTITY_UPDATED = "gateway.entity.updated"
ENTITY_DELETED = "gateway.entity.deleted"
SYNC_COMPLETED = "gateway.sync.completed"
SYNC_FAILED = "gateway.sync.failed"
SYNC_HELD = "gateway.sync.held"
CONFLICT_DETECTED = "gateway.conflict.detected"
INTEGRATION_ACTIVATED = "gateway.integration.activated"
INTEGRATION_DEACTIVATED = "gateway.integration.deactivated"
INTEGRATION_UNHEALTHY = "gateway.integration.unhealthy"
INTEGRATION_RECOVERED = "gateway.integration.recovered"
SOURCE_SILENT = "gateway.source.silent"
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


def entity_changed(
    tenant_id: str,
    event_type: str,
    *,
    entity_id: str,
    integration: str,
    integration_name: str,
    integration_id: str | None,
    kind: str,
    name: str | None,
    state: str | None,
    attributes: Mapping[str, object],
    changes: Mapping[str, object],
    origin: str,
    run_id: str | None,
) -> Occurrence:
    """An entity began, changed or went, as `event_type` (`gateway.entity.…`) says.

    `integration` is the integration's name, `integration_name` its type. `changes` are `[before, after]` by field.
    `origin` is where the change came from: `pull`, `push`, `local` or `merge`.
    """
    data = {
        "entity_id": entity_id,
        "key": f"{integration_name}:{integration_id or ''}",
        "integration": integration,
        "integration_name": integration_name,
        "integration_id": integration_id,
        "kind": kind,
        "name": name,
        "state": state,
        "attributes": dict(attributes),
        "changes": dict(changes),
        "origin": origin,
        "run_id": run_id,
    }
    return Occurrence(tenant_id, event_type, data)


def sync_ended(
    tenant_id: str,
    event_type: str,
    *,
    run_id: str,
    integration: str,
    integration_name: str,
    mode: str,
    trigger: str,
    counts: Mapping[str, object],
    code: str | None,
    detail: str | None,
) -> Occurrence:
    """A sync run is done, failed, or waits for a person, as `event_type` (`gateway.sync.…`) says."""
    data = {
        "run_id": run_id,
        "integration": integration,
        "integration_name": integration_name,
        "mode": mode,
        "trigger": trigger,
        "counts": dict(counts),
        "code": code,
        "detail": detail,
    }
    return Occurrence(tenant_id, event_type, data)


def conflict_detected(
    tenant_id: str,
    *,
    conflict_id: str,
    entity_id: str,
    integration: str,
    integration_name: str,
    integration_id: str | None,
    kind: str,
    fields: Mapping[str, object],
) -> Occurrence:
    """Both sides changed an entity and no policy settles it. `kind` is `edit` or `delete`, `fields` are those of
    the conflict.
    """
    data = {
        "conflict_id": conflict_id,
        "entity_id": entity_id,
        "key": f"{integration_name}:{integration_id or ''}",
        "integration": integration,
        "integration_name": integration_name,
        "integration_id": integration_id,
        "kind": kind,
        "fields": dict(fields),
    }
    return Occurrence(tenant_id, CONFLICT_DETECTED, data)


def integration_changed(
    tenant_id: str,
    event_type: str,
    *,
    instance_id: str,
    integration: str,
    integration_name: str,
    state: str,
    health: str,
    reason: str | None,
    detail: str | None,
) -> Occurrence:
    """An integration was activated or deactivated, fell ill or recovered, as `event_type` (`gateway.integration.…`)
    says. `reason` is the code of the check that changed, or of why it ended.
    """
    data = {
        "instance_id": instance_id,
        "integration": integration,
        "integration_name": integration_name,
        "state": state,
        "health": health,
        "reason": reason,
        "detail": detail,
    }
    return Occurrence(tenant_id, event_type, data)


def source_silent(
    tenant_id: str,
    *,
    source_id: str,
    source: str,
    provider: str,
    last_event_at: str,
    expected: int,
    per_week: float,
) -> Occurrence:
    """Nothing comes to a source that is usually busy. `expected` is how many events should have come since the last
    one, `per_week` how many usually come.
    """
    data = {
        "source_id": source_id,
        "source": source,
        "provider": provider,
        "last_event_at": last_event_at,
        "expected": expected,
        "per_week": per_week,
    }
    return Occurrence(tenant_id, SOURCE_SILENT, data)
