"""Adding an integration. It is inactive: nothing is asked of its system before it is tested or activated."""

from __future__ import annotations

from sqlalchemy import select

from gateway.errors import Conflict, Hint
from gateway.integrations.management.checking import checked
from gateway.integrations.management.draft import IntegrationDraft
from gateway.integrations.management.storing import fill, store_secrets
from gateway.integrations.models import Integration
from gateway.integrations.registry import registry_of
from gateway.integrations.states import Health, IntegrationState
from gateway.integrations.summary import IntegrationSummary, summary
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting


def add_integration(acting: Acting, draft: IntegrationDraft) -> IntegrationSummary:
    """A new integration. Raises `NotFound` (type), `InvalidInput` with every fault, `Conflict` (name)."""
    type_ = registry_of(acting.installation).require(draft.type)
    wanted = checked(acting, type_, draft)
    session = acting.session
    if session.scalar(select(Integration.id).where(Integration.name == wanted.name)) is not None:
        message = f"there is an integration {wanted.name!r} already"
        raise Conflict(message, Hint("show_integration", {"name": wanted.name}))
    row = Integration(
        id=new_id("int"),
        tenant_id=session.tenant_id,
        name=wanted.name,
        type=type_.id,
        state=IntegrationState.INACTIVE,
        prepared={},
        revision=1,
        health_state=Health.UNKNOWN,
        health={},
        created_at=acting.now,
    )
    fill(acting, row, wanted)
    session.add(row)
    store_secrets(acting, row, wanted.secrets)
    session.flush()
    added = summary(acting, row)
    acting.audit("integration.added", row.id, row.name, after=added)
    return added
