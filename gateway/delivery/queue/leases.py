"""Leases that ended without a result, and times that a clock set back has left in the future.

A worker that was killed leaves its deliveries leased; they become claimable again in small steps, so that nothing
comes back as a herd.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, text

from gateway.db.drivers import sqlite_driver
from gateway.db.lease import HAS_ENDED, IS_OF_ANOTHER_TIME, PULL_BACK, limit_us
from gateway.delivery.decisions.policy import AttemptResult, Outcome
from gateway.delivery.decisions.target import Target
from gateway.delivery.queue.claimed import Claimed
from gateway.delivery.queue.report import Report

SWEEP_STEP = 100
LOST = "the worker that held it did not report before its lease ended"

_EXPIRED = f"""
SELECT id, tenant_id, event_id, destination_id, attempts_made, schedule_position, lease_token, lease_expires_at,
  NULL, NULL, scheduled_at
FROM deliveries /*leased*/ WHERE state = 'leased' AND {HAS_ENDED} AND id NOT IN (/*held*/)
ORDER BY lease_expires_at LIMIT :step
"""  # noqa: S608 (constants)
_SQLITE_EXPIRED = _EXPIRED.replace("/*leased*/", "INDEXED BY ix_deliveries_leased").replace(
    "/*held*/", "SELECT value FROM json_each(:held)"
)
_POSTGRES_EXPIRED = text(
    _EXPIRED.replace("/*held*/", "SELECT unnest(CAST(:held AS text[]))") + "FOR UPDATE SKIP LOCKED"
)

_REPAIR_PENDING = f"""
UPDATE deliveries /*index*/ SET {PULL_BACK.format(column="next_attempt_at")}
WHERE /*which*/ AND {IS_OF_ANOTHER_TIME.format(column="next_attempt_at")}
"""  # noqa: S608 (constants)
_REPAIR_LEASED = f"""
UPDATE deliveries /*index*/ SET {PULL_BACK.format(column="lease_expires_at")}
WHERE state = 'leased' AND {IS_OF_ANOTHER_TIME.format(column="lease_expires_at")}
"""  # noqa: S608 (constants)
_REPAIRS = (
    (_REPAIR_PENDING.replace("/*which*/", "state = 'pending' AND ordering_key IS NULL"), "ix_deliveries_due"),
    (
        _REPAIR_PENDING.replace(
            "/*which*/",
            "state IN ('pending', 'leased') AND ordering_key IS NOT NULL AND state = 'pending'",
        ),
        "ix_deliveries_keyed",
    ),
    (_REPAIR_LEASED, "ix_deliveries_leased"),
)


def expired(connection: Connection, targets: Mapping[str, Target], *, held: Iterable[str], now_us: int) -> list[Report]:
    """The oldest leases that ended, as reports to be recorded. Those in `held` are this worker's own, still at work."""
    values: dict[str, Any] = {"now_us": now_us, "step": SWEEP_STEP, "held": list(held)}
    rows: Any
    if connection.dialect.name == "sqlite":
        values["held"] = json.dumps(values["held"])
        rows = sqlite_driver(connection).execute(_SQLITE_EXPIRED, values).fetchall()
    else:
        rows = connection.execute(_POSTGRES_EXPIRED, values).all()
    return [_lost(Claimed(*row[:10]), targets.get(row[3]), claimed_at_us=row[10], now_us=now_us) for row in rows]


def repair_times(connection: Connection, *, now_us: int) -> int:
    """Pull back what was decided at a time that has not come yet, by as much as the clock went back.

    The number of deliveries changed. Looks at unfinished ones only.
    """
    values = {"now_us": now_us, "limit_us": limit_us(now_us)}
    is_sqlite = connection.dialect.name == "sqlite"
    changed = 0
    for statement, index in _REPAIRS:
        hint = f"INDEXED BY {index}" if is_sqlite else ""
        changed += connection.execute(text(statement.replace("/*index*/", hint)), values).rowcount
    return changed


def _lost(claimed: Claimed, target: Target | None, *, claimed_at_us: int, now_us: int) -> Report:
    lasted_ms = max(0, now_us - claimed_at_us) // 1000
    return Report(claimed, target, AttemptResult(Outcome.LEASE_EXPIRED, claimed_at_us, lasted_ms, error=LOST))
