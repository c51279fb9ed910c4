"""Integrations by their names in filters, and their names for what belongs to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import select

from gateway.db.scope import TenantSession
from gateway.errors import Fault, InvalidInput, NotFound
from gateway.integrations.models import Integration
from gateway.integrations.rows import require_integration
from gateway.tenants.acting import Acting


def instance_of(acting: Acting, integration: str | None) -> str | None:
    """The id of the integration of this name or id, for a filter. Raises `InvalidInput` where there is none."""
    if integration is None:
        return None
    try:
        return require_integration(acting.session, integration).id
    except NotFound as error:
        fault = Fault("integration", "unknown", str(error), hint=next(iter(error.hints), None))
        raise InvalidInput(faults=[fault]) from error


def names_of(session: TenantSession, instance_ids: Collection[str]) -> Mapping[str, str]:
    """The names of integrations by their ids, of those that are there."""
    if not instance_ids:
        return {}
    found = session.execute(select(Integration.id, Integration.name).where(Integration.id.in_(instance_ids)))
    return {row[0]: row[1] for row in found}
