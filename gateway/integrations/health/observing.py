"""What happened, as looks of checks: how a call to the system ended, how runs ended, when data last came. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from gateway.durations import duration
from gateway.integrations.states import Health
from gateway.integrations.type import CheckResult

CONNECTIVITY: Final = "connectivity"
AUTHENTICATION: Final = "authentication"
ERROR_RATE: Final = "error_rate"
STALENESS: Final = "staleness"
DATA_FLOW: Final = "data_flow"
LAST_RUN: Final = "last_run"

UNREACHABLE: Final = frozenset(
    {"connection_failed", "deadline_exceeded", "system_unavailable", "circuit_open", "integration_too_slow"}
)
REFUSED: Final = frozenset({"authentication_failed", "connection_needs_reauth", "connection_revoked"})
BEYOND_BUDGET: Final = "error_budget_spent"
CERTAIN: Final = REFUSED | {BEYOND_BUDGET}
LATE_INTERVALS: Final = 3
VERY_LATE_INTERVALS: Final = 10
QUIET: Final = timedelta(days=7)
RUNS: Final = 10
MANY: Final = 0.5
SOME: Final = 0.2


def of_call(code: str | None, message: str) -> list[CheckResult]:
    """What a call says that ended well (`code` None), or with the code of an error."""
    if code is None:
        return [
            CheckResult(CONNECTIVITY, Health.HEALTHY, message),
            CheckResult(AUTHENTICATION, Health.HEALTHY, "its credentials are taken"),
        ]
    if code in UNREACHABLE:
        return [CheckResult(CONNECTIVITY, Health.UNHEALTHY, message)]
    reached = CheckResult(CONNECTIVITY, Health.HEALTHY, "it answers")
    if code in REFUSED:
        return [reached, CheckResult(AUTHENTICATION, Health.UNHEALTHY, message)]
    if code == "authorization_failed":
        return [reached, CheckResult(AUTHENTICATION, Health.DEGRADED, message)]
    return [CheckResult(CONNECTIVITY, Health.DEGRADED, message)]


def of_run(code: str | None, message: str) -> list[CheckResult]:
    """What a run says that succeeded (`code` None), or failed with this code: of the system too, where it tells."""
    if code is None:
        return [*of_call(None, "it answers"), CheckResult(LAST_RUN, Health.HEALTHY, "the last run succeeded")]
    told = of_call(code, message) if code in UNREACHABLE | REFUSED | {"authorization_failed"} else []
    return [*told, CheckResult(LAST_RUN, Health.UNHEALTHY, f"the last run failed: {message}")]


def of_runs(failed: Sequence[bool]) -> list[CheckResult]:
    """What the last runs say, the newest first: which of them failed."""
    if not failed:
        return []
    share = sum(failed) / len(failed)
    message = f"{sum(failed)} of the last {len(failed)} runs failed"
    health = Health.UNHEALTHY if share >= MANY else Health.DEGRADED if share >= SOME else Health.HEALTHY
    return [CheckResult(ERROR_RATE, health, message)]


def of_age(done_at: datetime | None, interval_seconds: int | None, now: datetime) -> list[CheckResult]:
    """What the age of the last run that succeeded says, for one that runs every so often. None ran yet: since when it
    could have.
    """
    if interval_seconds is None or done_at is None:
        return []
    age = (now - done_at).total_seconds()
    message = f"the last sync that succeeded was {duration(int(max(0, age)))} ago"
    if age > VERY_LATE_INTERVALS * interval_seconds:
        return [CheckResult(STALENESS, Health.UNHEALTHY, message)]
    late = age > LATE_INTERVALS * interval_seconds
    return [CheckResult(STALENESS, Health.DEGRADED if late else Health.HEALTHY, message)]


def of_data(data_at: datetime | None, now: datetime) -> list[CheckResult]:
    """What the last data says: a system that says nothing for a week may be asked the wrong way."""
    if data_at is None:
        return []
    age = now - data_at
    message = f"data last came {duration(int(max(0.0, age.total_seconds())))} ago"
    return [CheckResult(DATA_FLOW, Health.DEGRADED if age > QUIET else Health.HEALTHY, message)]
