"""Claiming: leasing due deliveries, fairly among destinations, inside the caller's write transaction.

A claim takes from each destination at most what it has slots for, so that one that is slow holds its own slots and
nobody else's. What is due is found by `due`, how much may be taken is decided by `allotment`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from gateway.db.drivers import sqlite_driver
from gateway.db.lease import TAKE, expires_at_us, new_token
from gateway.delivery.decisions.allotment import NOTHING, Allowance, allow, is_guarded, next_chance_us, share
from gateway.delivery.decisions.circuit import probing
from gateway.delivery.decisions.shared_state import SharedState
from gateway.delivery.decisions.target import Target
from gateway.delivery.queue.claimed import INLINE_BYTES, Claimed, ClaimedEvent
from gateway.delivery.queue.destination_states import load_states, lock_states, save_states
from gateway.delivery.queue.due import HeadScan, keyed_destinations, leased_counts, oldest_pending

# A lease outlasts the attempt by this, for the wait before it starts and the one until its result is recorded.
LEASE_MARGIN_SECONDS = 15.0


class FreeSlots(NamedTuple):
    """What a worker can hold now: `limit` deliveries in all, and `of(target)` of each destination."""

    limit: int
    of: Callable[[Target], int]


class _Pick(NamedTuple):
    """A destination to take from."""

    target: Target
    unkeyed: bool
    keyed: bool
    state: SharedState
    allowance: Allowance


_LEASE = f"state = 'leased', {TAKE}, attempts_made = attempts_made + 1"
_COLUMNS = """deliveries.id, deliveries.tenant_id, event_id, destination_id, attempts_made, schedule_position,
  lease_token, lease_expires_at, length(payload), CASE WHEN length(payload) <= /*inline*/ THEN payload END, route_id"""
_EVENT_COLUMNS = """events.id, events.type, events.source, events.provider, events.content_type, events.received_at,
  events.body_bytes, events.headers, CASE WHEN events.body_bytes <= /*inline*/ THEN events.body END"""


def _filled(statement: str) -> str:
    filled = statement.replace("/*lease*/", _LEASE).replace("/*columns*/", _COLUMNS)
    return filled.replace("/*event*/", _EVENT_COLUMNS).replace("/*inline*/", str(INLINE_BYTES))


# The driver lets go of the interpreter's lock at every row that it steps to, and under load it is slow to come back:
# ids come as one row, and deliveries with their events as one row each. Nobody else writes in between.
_SQLITE_DUE = """
SELECT json_group_array(id) FROM (
  SELECT id FROM deliveries INDEXED BY ix_deliveries_due WHERE state = 'pending' AND ordering_key IS NULL
  AND destination_id = :destination AND next_attempt_at <= :now_us ORDER BY next_attempt_at LIMIT :most)
"""
_SQLITE_TAKE = _filled("""
UPDATE deliveries SET /*lease*/, lease_expires_at = :expires_at
WHERE id IN (SELECT value FROM json_each(:ids)) AND state = 'pending' AND next_attempt_at <= :now_us
""")
_SQLITE_TAKEN = _filled("""
SELECT /*columns*/, /*event*/
FROM json_each(:ids) AS wanted CROSS JOIN deliveries ON deliveries.id = wanted.value
  LEFT JOIN events ON events.id = deliveries.event_id
WHERE deliveries.lease_token = :token
""")
# With the event behind a LIMIT, which keeps the planner from reading the whole journal for its join.
_POSTGRES_WITH_EVENTS = _filled("""
SELECT taken.*, event.* FROM taken LEFT JOIN LATERAL (
  SELECT /*event*/ FROM events WHERE events.id = taken.event_id LIMIT 1) AS event ON true
""")
_POSTGRES_TAKE = text(
    _filled("""
WITH picked AS (
  SELECT due.id, wanted.expires_at
  FROM unnest(CAST(:destinations AS text[]), CAST(:parts AS integer[]), CAST(:expiries AS bigint[]))
    AS wanted (destination_id, part, expires_at)
  CROSS JOIN LATERAL (
    SELECT id FROM deliveries WHERE state = 'pending' AND ordering_key IS NULL
    AND destination_id = wanted.destination_id AND next_attempt_at <= :now_us
    ORDER BY next_attempt_at LIMIT wanted.part FOR UPDATE SKIP LOCKED) AS due),
taken AS (
  UPDATE deliveries SET /*lease*/, lease_expires_at = picked.expires_at
  FROM picked WHERE deliveries.id = picked.id
  RETURNING /*columns*/)
""")
    + _POSTGRES_WITH_EVENTS
)
_POSTGRES_TAKE_HEADS = text(
    _filled("""
WITH taken AS (
  UPDATE deliveries SET /*lease*/, lease_expires_at = :expires_at
  WHERE id IN (SELECT id FROM deliveries WHERE id = ANY(CAST(:ids AS text[])) AND state = 'pending'
               AND next_attempt_at <= :now_us FOR UPDATE SKIP LOCKED)
  RETURNING /*columns*/)
""")
    + _POSTGRES_WITH_EVENTS
)
_DELIVERY_COLUMNS = 11


class Claimer:
    """Claims for one worker. Remembers where its scans stopped; for one thread."""

    def __init__(self) -> None:
        self._heads = HeadScan()
        self._turn = 0
        # When something comes due that the last look did not take, as far as it saw; not later than then: it hung on
        # others. None: it saw nothing.
        self.next_due_us: int | None = None

    def has_work(self, connection: Connection, targets: Mapping[str, Target], slots: FreeSlots, *, now_us: int) -> bool:
        """Whether a claim would take something. Only reads."""
        return any(
            pick.unkeyed or self._due_heads(connection, pick.target.id, wanted=1, now_us=now_us)
            for pick in self._picks(connection, targets, slots, now_us)
        )

    def claim(
        self, connection: Connection, targets: Mapping[str, Target], slots: FreeSlots, *, now_us: int
    ) -> list[Claimed]:
        """Lease what is due and fits into `slots`, oldest first; the deliveries with their events.

        `targets` are the destinations by id; work for others is left alone.
        """
        picks = self._guard(connection, self._picks(connection, targets, slots, now_us), slots, now_us)
        parts = share(slots.limit, {pick.target.id: pick.allowance.attempts for pick in self._rotated(picks)})
        chosen = [(pick, parts[pick.target.id]) for pick in picks if pick.target.id in parts]
        token = new_token()
        rows = self._take_heads(connection, chosen, token, now_us)
        taken = _counts(rows)
        rest = [(pick, part - taken.get(pick.target.id, 0)) for pick, part in chosen if pick.unkeyed]
        rows += _take(connection, [(pick, part) for pick, part in rest if part > 0], token, now_us)
        if not rows:
            if any(pick.unkeyed for pick, _ in chosen):
                # Others were quicker, or are at it.
                self._expect(now_us)
            return []
        taken = _counts(rows)
        probes = {pick.target.id for pick, _ in chosen if pick.allowance.is_probe}
        _settle(connection, [pick for pick, _ in chosen if taken.get(pick.target.id)], taken, now_us)
        rows.sort(key=lambda row: row[0])
        return [_claimed(row, is_probe=row[3] in probes) for row in rows]

    def _picks(
        self, connection: Connection, targets: Mapping[str, Target], slots: FreeSlots, now_us: int
    ) -> list[_Pick]:
        self.next_due_us = None
        if slots.limit <= 0:
            return []
        pending = oldest_pending(connection)
        unkeyed = {id_ for id_, due_at_us in pending.items() if due_at_us <= now_us}
        self._expect(min((at_us for id_, at_us in pending.items() if at_us > now_us and id_ in targets), default=None))
        keyed = set(keyed_destinations(connection))
        found = [target for id_ in sorted(unkeyed | keyed) if (target := targets.get(id_)) and slots.of(target) > 0]
        states = load_states(connection, [target.id for target in found])
        counted = [target.id for target in found if target.concurrency_is_shared]
        leased = leased_counts(connection, counted) if counted else {}
        picks = []
        for target in found:
            state = states[target.id]
            free, held = slots.of(target), leased.get(target.id, 0)
            allowance = allow(target, state, free=free, leased=held, now_us=now_us)
            if allowance.attempts > 0:
                picks.append(_Pick(target, target.id in unkeyed, target.id in keyed, state, allowance))
            else:
                self._expect(next_chance_us(target, state, now_us=now_us))
        return picks

    def _guard(self, connection: Connection, picks: list[_Pick], slots: FreeSlots, now_us: int) -> list[_Pick]:
        """`picks`, with those that need it judged again under a lock; without those that another worker judges now."""
        guarded = {pick.target.id: pick.target.tenant_id for pick in picks if is_guarded(pick.target, pick.state)}
        if not guarded:
            return picks
        states = lock_states(connection, guarded, skip_locked=True)
        counted = [pick.target.id for pick in picks if pick.target.concurrency_is_shared and pick.target.id in states]
        leased = leased_counts(connection, counted) if counted else {}
        judged = []
        for pick in picks:
            id_ = pick.target.id
            if id_ in guarded:
                state = states.get(id_)
                free, held = slots.of(pick.target), leased.get(id_, 0)
                allowance = allow(pick.target, state, free=free, leased=held, now_us=now_us) if state else NOTHING
                pick = pick._replace(state=state or pick.state, allowance=allowance)
            if pick.allowance.attempts > 0:
                judged.append(pick)
            else:
                self._expect(now_us)
        return judged

    def _rotated(self, picks: Sequence[_Pick]) -> Iterable[_Pick]:
        """`picks`, starting with another one each time: when slots are few, everybody comes first once."""
        self._turn += 1
        start = self._turn % len(picks) if picks else 0
        return (*picks[start:], *picks[:start])

    def _due_heads(self, connection: Connection, destination_id: str, *, wanted: int, now_us: int) -> list[str]:
        found = self._heads.due_heads(connection, destination_id, wanted=wanted, now_us=now_us)
        self._expect(self._heads.next_us)
        return found

    def _expect(self, at_us: int | None) -> None:
        if at_us is not None and (self.next_due_us is None or at_us < self.next_due_us):
            self.next_due_us = at_us

    def _take_heads(
        self, connection: Connection, chosen: Sequence[tuple[_Pick, int]], token: str, now_us: int
    ) -> list[Any]:
        rows: list[Any] = []
        for pick, part in chosen:
            if pick.keyed:
                ids = self._due_heads(connection, pick.target.id, wanted=part, now_us=now_us)
                rows += _take_ids(connection, ids, _lease(pick.target, token, now_us)) if ids else []
        return rows


def _lease(target: Target, token: str, now_us: int) -> dict[str, Any]:
    expires_at = expires_at_us(now_us, target.timeout_seconds + LEASE_MARGIN_SECONDS)
    return {"token": token, "expires_at": expires_at, "now_us": now_us}


def _take_ids(connection: Connection, ids: list[str], lease: dict[str, Any]) -> list[Any]:
    if connection.dialect.name == "sqlite":
        return _take_sqlite(connection, json.dumps(ids), lease)
    try:
        with connection.begin_nested():
            return list(connection.execute(_POSTGRES_TAKE_HEADS, lease | {"ids": ids}))
    except IntegrityError:
        # Another worker leased the same key since the heads were read: the unique index decides, the next claim sees.
        return []


def _take_sqlite(connection: Connection, ids: str, lease: dict[str, Any]) -> list[Any]:
    driver = sqlite_driver(connection)
    driver.execute(_SQLITE_TAKE, lease | {"ids": ids})
    return driver.execute(_SQLITE_TAKEN, {"ids": ids, "token": lease["token"]}).fetchall()


def _take(connection: Connection, chosen: Sequence[tuple[_Pick, int]], token: str, now_us: int) -> list[Any]:
    if not chosen:
        return []
    leases = [_lease(pick.target, token, now_us) for pick, _ in chosen]
    if connection.dialect.name == "sqlite":
        rows: list[Any] = []
        for (pick, part), lease in zip(chosen, leases, strict=True):
            due = {"destination": pick.target.id, "most": part, "now_us": now_us}
            ids = sqlite_driver(connection).execute(_SQLITE_DUE, due).fetchone()[0]
            rows += _take_sqlite(connection, ids, lease)
        return rows
    values = {
        "destinations": [pick.target.id for pick, _ in chosen],
        "parts": [part for _, part in chosen],
        "expiries": [lease["expires_at"] for lease in leases],
        "token": token,
        "now_us": now_us,
    }
    return list(connection.execute(_POSTGRES_TAKE, values))


def _claimed(row: Any, *, is_probe: bool) -> Claimed:
    columns = row[_DELIVERY_COLUMNS:]
    # Gone from the journal: the columns of the join are empty.
    event = None if columns[0] is None else ClaimedEvent._make(columns)
    return Claimed._make((*row[:_DELIVERY_COLUMNS], event, is_probe))


def _settle(connection: Connection, picks: Sequence[_Pick], taken: Mapping[str, int], now_us: int) -> None:
    """Write down, for all workers, the probe that is on its way and the tokens that were used."""
    states: dict[str, SharedState] = {}
    for pick in picks:
        target, state = pick.target, pick.state
        if pick.allowance.is_probe:
            lease = _lease(target, "", now_us)
            state = state._replace(circuit=probing(state.circuit, expires_at_us=lease["expires_at"]))
        if target.rate_per_second is not None:
            tokens = state.tokens(target.rate_per_second, now_us) - taken[target.id]
            state = state._replace(rate_tokens=tokens, rate_refilled_at_us=now_us)
        if state is not pick.state:
            states[target.id] = state
    save_states(connection, {pick.target.id: pick.target.tenant_id for pick in picks}, states)


def _counts(rows: Iterable[Any]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row[3]] = counts.get(row[3], 0) + 1
    return counts
