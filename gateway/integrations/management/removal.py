"""An integration, removed for good: its configuration, its secrets, and what was run."""

from __future__ import annotations

from sqlalchemy import delete, select

from gateway.entities.models import Entity, SyncRun
from gateway.errors import Conflict, Hint
from gateway.integrations.management.storing import follow
from gateway.integrations.models import IntegrationRevision
from gateway.integrations.rows import require_integration
from gateway.integrations.states import IntegrationState
from gateway.integrations.summary import IntegrationSummary, summary
from gateway.oauth import vault
from gateway.tenants.acting import Acting


def removable_integration(acting: Acting, name: str) -> IntegrationSummary:
    """One that is inactive, and of which no entity is left. Raises `NotFound`, and `Conflict` for others."""
    row = require_integration(acting.session, name, lock=acting.is_writing)
    if row.state != IntegrationState.INACTIVE:
        message = f"the integration {row.name!r} is {row.state}: take it down first"
        raise Conflict(message, Hint("deactivate_integration", {"name": row.name}))
    if acting.session.scalar(select(Entity.id).where(Entity.instance_id == row.id).limit(1)) is not None:
        message = f"entities of {row.name!r} are left, which carry data or edits of somebody"
        raise Conflict(message, Hint("remove_entities", {"name": row.name}))
    return summary(acting, row)


def remove_integration(acting: Acting, name: str) -> None:
    """Forget an integration with its secrets and runs. Raises as above."""
    before = removable_integration(acting, name)
    row = require_integration(acting.session, before.id, lock=True)
    follow(acting, row, None)
    vault.forget(acting.session, row.id)
    for model in (IntegrationRevision, SyncRun):
        of_it = delete(model).where(model.instance_id == row.id)
        acting.session.execute(of_it.execution_options(synchronize_session=False))
    acting.session.delete(row)
    acting.session.flush()
    acting.audit("integration.removed", before.id, before.name, before=before)
