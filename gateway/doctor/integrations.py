"""Integrations that do not work, and integration types that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, or_, select

from gateway.doctor.check import CheckResult, Level
from gateway.errors import Hint
from gateway.installation import Installation
from gateway.integrations.models import Integration
from gateway.integrations.registry import registry_of
from gateway.integrations.states import Health, IntegrationState

NAME = "integrations"
NAMED = 10
"""So many are named; of more there is the number."""


def integrations(installation: Installation) -> Iterator[CheckResult]:
    """Which types are broken; how many integrations there are, and which of them do not work.

    Raises `StorageUnavailable`.
    """
    registry = registry_of(installation)
    for broken in registry.broken():
        detail = f"the integration type {broken.id} ({broken.value}) cannot be used: {broken.reason}"
        yield CheckResult(NAME, Level.FAIL, detail)
    is_bad = or_(
        Integration.state == IntegrationState.FAILED,
        (Integration.state == IntegrationState.ACTIVE) & (Integration.health_state == Health.UNHEALTHY),
        Integration.type.not_in(registry.ids),
    )
    with installation.database.system_session() as session:
        known = session.scalar(select(func.count()).select_from(Integration)) or 0
        bad = session.scalar(select(func.count()).select_from(Integration).where(is_bad)) or 0
        rows = session.scalars(select(Integration).where(is_bad).order_by(Integration.id).limit(NAMED)).all()
    yield from (_named(row, is_known=row.type in registry.ids) for row in rows)
    if bad > len(rows):
        yield CheckResult(NAME, Level.WARN, f"{bad - len(rows)} more do not work")
    if not bad:
        yield CheckResult(NAME, Level.OK, f"{known}, none that is known to be broken" if known else "none")


def _named(row: Integration, *, is_known: bool) -> CheckResult:
    if not is_known:
        return CheckResult(NAME, Level.WARN, f"{row.name}: there is no integration type {row.type!r} any more")
    if row.state == IntegrationState.FAILED:
        return CheckResult(NAME, Level.WARN, f"{row.name} has failed: {row.detail or row.reason or 'nobody said why'}")
    detail = f"{row.name} ({row.type}) is unhealthy"
    return CheckResult(NAME, Level.WARN, detail, Hint("show_integration_health", {"name": row.name}))
