"""Stored filters, transforms and ordering keys that load, and call what does not exist or can never work.

They are refused when they are given; these were stored before that was looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from gateway.db.rows import every_row
from gateway.db.scope import SystemSession
from gateway.delivery.decisions.expression_check import call_faults
from gateway.delivery.decisions.expressions import compile_expression
from gateway.delivery.models import Destination, Route
from gateway.doctor.check import CheckResult, Level
from gateway.errors import Fault
from gateway.installation import Installation
from gateway.tenants.models import Tenant

NAMED = 50


def expressions(installation: Installation) -> Iterator[CheckResult]:
    """A warning for each of the first `NAMED`; nothing where all is well. Raises `StorageUnavailable`."""
    with installation.database.system_session() as session:
        tenants = {tenant.id: tenant.slug for tenant in every_row(session, Tenant)}
        for kind, name, tenant_id, fault in islice(_faults(session), NAMED):
            detail = f"{name} of tenant {tenants.get(tenant_id, tenant_id)}: {fault.message}"
            yield CheckResult(kind, Level.WARN, detail, fault.hint)


def _faults(session: SystemSession) -> Iterator[tuple[str, str, str, Fault]]:
    for route in every_row(session, Route):
        for field, text in (("where", route.where), ("transform", route.transform)):
            for fault in _doubts(field, text, f"the {field} expression"):
                yield "routes", route.name or route.id, route.tenant_id, fault
    for destination in every_row(session, Destination):
        for fault in _doubts("ordering_key", destination.ordering_key, "the ordering key"):
            yield "destinations", destination.name, destination.tenant_id, fault


def _doubts(field: str, text: str | None, what: str) -> list[Fault]:
    try:
        return [] if text is None else call_faults(field, compile_expression(text, what=what), what=what)
    except Exception:  # whatever one row holds; it is out of order, and told as such
        return []
