"""Recording: what came of attempts, as rows and next states, many in one transaction.

A result changes its delivery only while the lease token still matches: a worker that was too slow changes nothing, and
its attempt is recorded all the same. What follows from a result is decided by
`decisions.policy`; what it means for its destination is `destinations`' part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, text

from gateway.config import DEFAULT_SCHEDULE_SECONDS
from gateway.db.drivers import sqlite_driver
from gateway.delivery.decisions.policy import AttemptResult, Decision, Random, decide
from gateway.delivery.models import DeliveryState
from gateway.delivery.queue.claimed import Claimed
from gateway.delivery.queue.destinations import change_states, disable_gone
from gateway.delivery.queue.report import Recorded, Report
from gateway.events.system import Occurrence, delivery_dead, is_reportable

# Stores occurrences as events, inside the transaction of the connection; the last argument is now in microseconds.
Journal = Callable[[Connection, Sequence[Occurrence], int], None]


_UPDATE = """
UPDATE deliveries SET state = :state, schedule_position = :schedule_position,
  next_attempt_at = coalesce(:next_attempt_at, next_attempt_at), scheduled_at = :now_us, finished_at = :finished_at,
  reason = :reason, detail = :detail, lease_token = NULL, lease_expires_at = NULL,
  attempts_made = attempts_made - :uncounted
WHERE id = :id AND lease_token = :lease_token
"""
_POSTGRES_UPDATE = text("""
UPDATE deliveries SET state = r.state, schedule_position = r.schedule_position,
  next_attempt_at = coalesce(r.next_attempt_at, deliveries.next_attempt_at), scheduled_at = :now_us,
  finished_at = r.finished_at, reason = r.reason, detail = r.detail, lease_token = NULL, lease_expires_at = NULL,
  attempts_made = attempts_made - r.uncounted
FROM unnest(CAST(:id AS text[]), CAST(:lease_token AS text[]), CAST(:state AS text[]),
  CAST(:schedule_position AS integer[]), CAST(:next_attempt_at AS bigint[]), CAST(:finished_at AS bigint[]),
  CAST(:reason AS text[]), CAST(:detail AS text[]), CAST(:uncounted AS integer[]))
  AS r (id, lease_token, state, schedule_position, next_attempt_at, finished_at, reason, detail, uncounted)
WHERE deliveries.id = r.id AND deliveries.lease_token = r.lease_token
RETURNING deliveries.id
""")
# What a late worker knows is better than that its lease expired.
_ATTEMPT_CONFLICT = """
ON CONFLICT (delivery_id, number) DO UPDATE SET started_at = excluded.started_at, duration_ms = excluded.duration_ms,
  outcome = excluded.outcome, status = excluded.status, error = excluded.error,
  response_excerpt = excluded.response_excerpt
WHERE attempts.outcome = 'lease_expired'
"""
_SQLITE_ATTEMPT = """
INSERT INTO attempts (delivery_id, number, tenant_id, started_at, duration_ms, outcome, status, error, response_excerpt)
VALUES (?,?,?,?,?,?,?,?,?) /*conflict*/
""".replace("/*conflict*/", _ATTEMPT_CONFLICT)
_POSTGRES_ATTEMPT = text(
    """
INSERT INTO attempts (delivery_id, number, tenant_id, started_at, duration_ms, outcome, status, error, response_excerpt)
SELECT * FROM unnest(CAST(:c0 AS text[]), CAST(:c1 AS integer[]), CAST(:c2 AS text[]), CAST(:c3 AS bigint[]),
  CAST(:c4 AS integer[]), CAST(:c5 AS text[]), CAST(:c6 AS integer[]), CAST(:c7 AS text[]), CAST(:c8 AS text[]))
/*conflict*/
""".replace("/*conflict*/", _ATTEMPT_CONFLICT)
)
_SOURCES = "SELECT id, type, source FROM events WHERE id = :id"
_LONGEST_MS = 2**31 - 1


def record(
    connection: Connection, reports: Sequence[Report], *, journal: Journal, now_us: int, random: Random
) -> list[Recorded]:
    """Write down what came of `reports`, and what follows for their destinations."""
    if not reports:
        return []
    decided = [(report, _decide(report, now_us, random)) for report in reports]
    applied = _update(connection, [_change(report, decision, now_us) for report, decision in decided], now_us)
    recorded = [Recorded(report, decision, report.claimed.id in applied) for report, decision in decided]
    _insert_attempts(connection, [_attempt(r.claimed, r.result) for r in reports if r.result is not None])
    change_states(connection, recorded, now_us=now_us, random=random)
    occurrences = [*_deaths(connection, recorded), *disable_gone(connection, recorded, now_us=now_us)]
    if occurrences:
        journal(connection, occurrences, now_us)
    return recorded


def _decide(report: Report, now_us: int, random: Random) -> Decision | None:
    if report.result is None:
        return None
    target = report.target
    return decide(
        report.result,
        position=report.claimed.schedule_position,
        schedule_seconds=target.schedule_seconds if target else DEFAULT_SCHEDULE_SECONDS,
        fatal_statuses=target.fatal_statuses if target else frozenset(),
        now_us=now_us,
        random=random,
    )


def _change(report: Report, decision: Decision | None, now_us: int) -> dict[str, Any]:
    claimed = report.claimed
    change: dict[str, Any] = {
        "id": claimed.id,
        "lease_token": claimed.lease_token,
        "state": DeliveryState.PENDING.value,
        "schedule_position": claimed.schedule_position,
        "next_attempt_at": now_us,
        "finished_at": None,
        "reason": None,
        "detail": None,
        "uncounted": 1,
    }
    if decision is None:
        return change
    is_finished = decision.state is not DeliveryState.PENDING
    return change | {
        "state": decision.state.value,
        "schedule_position": decision.schedule_position,
        "next_attempt_at": decision.next_attempt_at_us,
        "finished_at": now_us if is_finished else None,
        "reason": decision.reason,
        "detail": summary(report.result) if decision.reason and report.result else None,
        "uncounted": 0,
    }


def summary(result: AttemptResult) -> str:
    """One line about an attempt, for people."""
    status = f"HTTP {result.status}" if result.status else ""
    return ": ".join(part for part in (result.outcome.value, status, result.error) if part)


def _update(connection: Connection, changes: list[dict[str, Any]], now_us: int) -> set[str]:
    """Apply `changes` where the lease still holds; the ids of those."""
    if connection.dialect.name != "sqlite":
        columns = {name: [change[name] for change in changes] for name in changes[0]}
        return set(connection.execute(_POSTGRES_UPDATE, columns | {"now_us": now_us}).scalars())
    cursor = sqlite_driver(connection).cursor()
    applied = set()
    for change in changes:
        change["now_us"] = now_us
        if cursor.execute(_UPDATE, change).rowcount == 1:
            applied.add(change["id"])
    cursor.close()
    return applied


def _attempt(claimed: Claimed, result: AttemptResult) -> tuple[Any, ...]:
    return (
        claimed.id,
        claimed.attempt,
        claimed.tenant_id,
        result.started_at_us,
        min(result.duration_ms, _LONGEST_MS),
        result.outcome.value,
        result.status,
        result.error,
        result.excerpt,
    )


def _insert_attempts(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        sqlite_driver(connection).executemany(_SQLITE_ATTEMPT, rows)
        return
    # Twice the same attempt in one statement is an error; the last one counts.
    distinct = list({row[:2]: row for row in rows}.values())
    columns = {f"c{n}": list(column) for n, column in enumerate(zip(*distinct, strict=True))}
    connection.execute(_POSTGRES_ATTEMPT, columns)


def _deaths(connection: Connection, recorded: Sequence[Recorded]) -> list[Occurrence]:
    occurrences = []
    for report, decision, applied in recorded:
        if decision is None or decision.state is not DeliveryState.DEAD or not applied or report.result is None:
            continue
        type_, source = _event_of(connection, report.claimed)
        if source is not None and is_reportable(source):
            occurrence = delivery_dead(
                report.claimed.tenant_id,
                delivery_id=report.claimed.id,
                event_id=report.claimed.event_id,
                event_type=type_,
                source=source,
                destination_id=report.claimed.destination_id,
                destination=report.target.name if report.target else None,
                attempts=report.claimed.attempt,
                reason=decision.reason,
                detail=summary(report.result),
            )
            occurrences.append(occurrence)
    return occurrences


def _event_of(connection: Connection, claimed: Claimed) -> tuple[str | None, str | None]:
    """Type and source of the event; from the journal where the claim did not bring it."""
    if claimed.event is not None:
        return claimed.event.type, claimed.event.source
    found = connection.execute(text(_SOURCES), {"id": claimed.event_id}).first()
    return (found.type, found.source) if found else (None, None)
