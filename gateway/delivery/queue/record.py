"""Recording: what came of attempts, as rows and next states, many in one transaction.

A result changes its delivery only while the lease token still matches: a worker that was too slow changes nothing, and
its attempt is recorded all the same. What follows from a result is decided by
`decisions.policy`; what it means for its destination is `destinations`' part.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from sqlite3 import Connection as SqliteConnection
from typing import NamedTuple

from sqlalchemy import Connection, text

from gateway.config import DEFAULT_SCHEDULE_SECONDS
from gateway.db.drivers import SQLITE_ROWS, Row, postgres_arrays, sqlite_driver
from gateway.db.lease import IS_HELD, LET_GO
from gateway.delivery.decisions.policy import AttemptResult, Decision, Random, decide
from gateway.delivery.models import DeliveryState
from gateway.delivery.queue.claimed import Claimed
from gateway.delivery.queue.destinations import change_states, disable_gone
from gateway.delivery.queue.report import Recorded, Report
from gateway.events.system import Occurrence, delivery_dead, is_reportable

# Stores occurrences as events, inside the transaction of the connection; the last argument is now in microseconds.
Journal = Callable[[Connection, Sequence[Occurrence], int], None]


_CHANGE = f"""
UPDATE deliveries SET state = r.state, schedule_position = r.schedule_position,
  next_attempt_at = coalesce(r.next_attempt_at, deliveries.next_attempt_at), scheduled_at = /*now_us*/,
  finished_at = r.finished_at, reason = r.reason, detail = r.detail, {LET_GO},
  attempts_made = attempts_made - r.uncounted
FROM /*given*/ AS r WHERE deliveries.id = r.id AND {IS_HELD.format(row="deliveries", claim="r")}
"""  # noqa: S608 (constants)
_ATTEMPT = """
INSERT INTO attempts (delivery_id, number, tenant_id, started_at, duration_ms, outcome, status, error, response_excerpt)
"""
# What a late worker knows is better than that its lease expired.
_ATTEMPT_CONFLICT = """
ON CONFLICT (delivery_id, number) DO UPDATE SET started_at = excluded.started_at, duration_ms = excluded.duration_ms,
  outcome = excluded.outcome, status = excluded.status, error = excluded.error,
  response_excerpt = excluded.response_excerpt
WHERE attempts.outcome = 'lease_expired'
"""
# Both in one: a round trip costs as much as a few rows do.
_POSTGRES_RECORD = text(f"""
WITH given AS (SELECT * FROM unnest(CAST(:id AS text[]), CAST(:lease_token AS text[]), CAST(:state AS text[]),
    CAST(:schedule_position AS integer[]), CAST(:next_attempt_at AS bigint[]), CAST(:finished_at AS bigint[]),
    CAST(:reason AS text[]), CAST(:detail AS text[]), CAST(:uncounted AS integer[]))
    AS columns (id, lease_token, state, schedule_position, next_attempt_at, finished_at, reason, detail, uncounted)),
  changed AS ({_CHANGE.replace("/*now_us*/", ":now_us").replace("/*given*/", "given")} RETURNING deliveries.id),
  kept AS ({_ATTEMPT}
    SELECT * FROM unnest(CAST(:c0 AS text[]), CAST(:c1 AS integer[]), CAST(:c2 AS text[]), CAST(:c3 AS bigint[]),
      CAST(:c4 AS integer[]), CAST(:c5 AS text[]), CAST(:c6 AS integer[]), CAST(:c7 AS text[]), CAST(:c8 AS text[]))
    {_ATTEMPT_CONFLICT})
SELECT id FROM changed
""")  # noqa: S608 (constants)


class Change(NamedTuple):
    """What becomes of a delivery, if its lease still holds. `uncounted` is 1 where the claim led to no attempt."""

    id: str
    lease_token: str
    state: str
    schedule_position: int
    next_attempt_at: int | None
    finished_at: int | None = None
    reason: str | None = None
    detail: str | None = None
    uncounted: int = 0


class AttemptRow(NamedTuple):
    """An attempt about to be stored; columns as in `gateway.delivery.models.Attempt`, instants in microseconds."""

    delivery_id: str
    number: int
    tenant_id: str
    started_at: int
    duration_ms: int
    outcome: str
    status: int | None
    error: str | None
    response_excerpt: str | None


_SOURCES = "SELECT id, type, source FROM events WHERE id = :id"
_LONGEST_MS = 2**31 - 1


def record(
    connection: Connection, reports: Sequence[Report], *, journal: Journal, now_us: int, random: Random
) -> list[Recorded]:
    """Write down what came of `reports`, and what follows for their destinations."""
    if not reports:
        return []
    decided = [(report, _decide(report, now_us, random)) for report in reports]
    changes = [_change(report, decision, now_us) for report, decision in decided]
    attempts = [_attempt(report.claimed, report.result) for report in reports if report.result is not None]
    applied = _store(connection, changes, attempts, now_us)
    recorded = [Recorded(report, decision, report.claimed.id in applied) for report, decision in decided]
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


def _change(report: Report, decision: Decision | None, now_us: int) -> Change:
    claimed = report.claimed
    if decision is None:
        pending = DeliveryState.PENDING.value
        return Change(claimed.id, claimed.lease_token, pending, claimed.schedule_position, now_us, uncounted=1)
    return Change(
        claimed.id,
        claimed.lease_token,
        decision.state.value,
        decision.schedule_position,
        decision.next_attempt_at_us,
        None if decision.state is DeliveryState.PENDING else now_us,
        decision.reason,
        summary(report.result) if decision.reason and report.result else None,
    )


def summary(result: AttemptResult) -> str:
    """One line about an attempt, for people."""
    status = f"HTTP {result.status}" if result.status else ""
    return ": ".join(part for part in (result.outcome.value, status, result.error) if part)


def _attempt(claimed: Claimed, result: AttemptResult) -> AttemptRow:
    return AttemptRow(
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


def _store(
    connection: Connection, changes: Sequence[Change], attempts: Sequence[AttemptRow], now_us: int
) -> Collection[str]:
    """Keep `attempts` and apply `changes` where the lease still holds; the ids of those."""
    if connection.dialect.name != "sqlite":
        # Twice the same attempt in one statement is an error; the last one counts.
        distinct = list({row[:2]: row for row in attempts}.values())
        columns = dict(zip(Change._fields, postgres_arrays(changes, Change), strict=True))
        columns |= {f"c{n}": column for n, column in enumerate(postgres_arrays(distinct, AttemptRow))}
        return set(connection.execute(_POSTGRES_RECORD, columns | {"now_us": now_us}).scalars())
    driver = sqlite_driver(connection)
    for some in _parts(attempts):
        driver.execute(_sqlite_attempts(len(some)), list(chain.from_iterable(some)))
    return {id_ for some in _parts(changes) for id_ in _sqlite_change(driver, some, now_us)}


def _sqlite_change(driver: SqliteConnection, changes: Sequence[Change], now_us: int) -> Iterable[str]:
    """All at once; one by one where some no longer hold, to tell which."""
    driver.execute("SAVEPOINT changes")
    applied = driver.execute(_sqlite_changes(len(changes)), [now_us, *chain.from_iterable(changes)]).rowcount
    if applied == len(changes):
        driver.execute("RELEASE changes")
        return [change.id for change in changes]
    driver.execute("ROLLBACK TO changes")
    driver.execute("RELEASE changes")
    one = _sqlite_changes(1)
    return [change.id for change in changes if driver.execute(one, [now_us, *change]).rowcount == 1]


@cache
def _sqlite_changes(rows: int) -> str:
    fields = Change._fields
    values = ", ".join([f"({', '.join('?' * len(fields))})"] * rows)
    # Not in front of the statement: the driver counts the rows of what begins with UPDATE.
    given = f"(WITH given ({', '.join(fields)}) AS (VALUES {values}) SELECT * FROM given)"  # noqa: S608 (constants)
    return _CHANGE.strip().replace("/*now_us*/", "?").replace("/*given*/", given)


@cache
def _sqlite_attempts(rows: int) -> str:
    values = ", ".join([f"({', '.join('?' * len(AttemptRow._fields))})"] * rows)
    return f"{_ATTEMPT} VALUES {values} {_ATTEMPT_CONFLICT}"


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    return (rows[start : start + SQLITE_ROWS] for start in range(0, len(rows), SQLITE_ROWS))


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
