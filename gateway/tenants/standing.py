"""How tenants stand, for who must know without asking the database: part of the snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import select

from gateway.db.rows import every_row
from gateway.db.scope import SystemSession
from gateway.tenants.directory import TenantState, TenantSummary, summary_of
from gateway.tenants.models import Tenant
from gateway.tenants.usage import TenantUsage

Standings = Mapping[str, TenantSummary]
"""Every tenant that is not being erased, by its id."""


def load_standings(session: SystemSession) -> Standings:
    """Every tenant but those that are being erased, which are as if they were not there."""
    full = set(session.scalars(select(TenantUsage.tenant_id).where(TenantUsage.is_full)))
    found = (replace(summary_of(row), is_full=row.id in full) for row in every_row(session, Tenant))
    return {one.id: one for one in found if one.state is not TenantState.ERASING}
