"""Events of our own about integrations, in the transaction of whoever changed one."""

from __future__ import annotations

from gateway.delivery.telling import tell as tell_of
from gateway.events.system import integration_changed
from gateway.integrations.models import Integration
from gateway.tenants.acting import Acting


def tell(
    acting: Acting, event_type: str, row: Integration, *, reason: str | None = None, detail: str | None = None
) -> None:
    """Journal `event_type` (`gateway.integration.…`) about an integration as it is now."""
    occurrence = integration_changed(
        row.tenant_id,
        event_type,
        instance_id=row.id,
        integration=row.name,
        integration_name=row.type,
        state=row.state,
        health=row.health_state,
        reason=reason or row.reason,
        detail=detail or row.detail,
    )
    tell_of(acting.session, acting.installation, [occurrence])
