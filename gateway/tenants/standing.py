"""How tenants stand, for who must know without asking the database: part of the snapshots."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.db.rows import every_row
from gateway.db.scope import SystemSession
from gateway.tenants.directory import TenantState, TenantSummary, summary_of
from gateway.tenants.models import Tenant

Standings = Mapping[str, TenantSummary]
"""Every tenant that is not being erased, by its id."""


def load_standings(session: SystemSession) -> Standings:
    """Every tenant but those that are being erased, which are as if they were not there."""
    found = (summary_of(row) for row in every_row(session, Tenant))
    return {one.id: one for one in found if one.state is not TenantState.ERASING}
