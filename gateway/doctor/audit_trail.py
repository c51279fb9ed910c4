"""The audit trail: whether its chains are whole."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.db.model import SYSTEM
from gateway.db.rows import every_row
from gateway.doctor.check import CheckResult, Level
from gateway.installation import Installation
from gateway.tenants.audit_trail.examination import examine_chains
from gateway.tenants.models import Tenant

NAME = "audit trail"


def audit_trail(installation: Installation) -> Iterator[CheckResult]:
    """A failure for each chain that is broken, with its first wrong entry; or one result that says that none is.

    Raises `StorageUnavailable`.
    """
    database = installation.database
    with database.system_session() as session:
        slugs = {tenant.id: f"tenant {tenant.slug}" for tenant in every_row(session, Tenant)}
    chains = entries = broken = 0
    for chain in examine_chains(database):
        chains, entries = chains + 1, entries + chain.entries
        if chain.fault is not None:
            broken += 1
            whose = "the system" if chain.tenant_id == SYSTEM else slugs.get(chain.tenant_id, chain.tenant_id)
            yield CheckResult(NAME, Level.FAIL, f"of {whose}: {chain.fault}")
    if not broken:
        detail = (
            f"{entries} entries, each as it was written (chains: {chains})" if entries else "nothing was changed yet"
        )
        yield CheckResult(NAME, Level.OK, detail)
