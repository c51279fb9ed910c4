"""The health of an integration as it is shown, and of all at once as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.integrations.health.recording import CHECKED_AT, RETRY_AT, checks_of, instant
from gateway.integrations.rows import require_integration
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True)
class CheckSummary:
    """One check: how it is since when, and what was seen."""

    name: str
    health: str
    message: str
    since: datetime


@dataclass(frozen=True, slots=True)
class HealthSummary:
    """`health` is the worst of the checks. `retry_at`: until then its schedule waits, because its runs fail."""

    integration: str
    state: str
    health: str
    since: datetime | None
    data_at: datetime | None
    checked_at: datetime | None
    retry_at: datetime | None
    checks: Sequence[CheckSummary]


def show_health(acting: Acting, name: str) -> HealthSummary:
    """How an integration is, as it was seen last. Raises `NotFound`."""
    row = require_integration(acting.session, name)
    return HealthSummary(
        integration=row.name,
        state=row.state,
        health=row.health_state,
        since=row.health_since,
        data_at=row.data_at,
        checked_at=instant(row, CHECKED_AT),
        retry_at=instant(row, RETRY_AT),
        checks=tuple(CheckSummary(one.name, one.health.value, one.message, one.since) for one in checks_of(row)),
    )
