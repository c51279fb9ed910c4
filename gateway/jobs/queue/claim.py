"""Claiming: taking due jobs of one kind, fairly among tenants, inside the caller's writing transaction.

How many run at once, of a kind and of each tenant, is counted on all machines. So claims of one kind come one after the
other: on SQLite writers are alone, PostgreSQL has a lock that ends with the transaction, as poolers want it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, func, literal, text, update

from gateway.clock import from_us
from gateway.db.lease import new_token
from gateway.jobs.kind import Kind
from gateway.jobs.models import IS_PENDING, IS_RUNNING, Job, JobState
from gateway.jobs.queue.fairness import share
from gateway.jobs.queue.held import Held
from gateway.tenants.audit import Actor, ActorKind

# So many tenants that have something to do are looked at by one claim; the next one goes on behind them.
TENANTS = 200

_JOBS: Table = Job.__table__  # type: ignore[assignment]
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('gateway.jobs'), hashtext(:kind))")
_RUNNING = text(
    f"SELECT tenant_id, count(*) AS held FROM jobs WHERE {IS_RUNNING} AND kind = :kind GROUP BY tenant_id"  # noqa: S608
)
_OF_KIND = f"{IS_PENDING} AND kind = :kind"
# From tenant to tenant in the index, however many jobs each has.
_TENANTS = text(f"""
WITH RECURSIVE owner (id) AS (
  SELECT min(tenant_id) FROM jobs WHERE {_OF_KIND} AND tenant_id > :after
  UNION ALL
  SELECT (SELECT min(tenant_id) FROM jobs WHERE {_OF_KIND} AND tenant_id > owner.id) FROM owner
  WHERE owner.id IS NOT NULL)
SELECT id FROM owner WHERE id IS NOT NULL AND EXISTS (
  SELECT 1 FROM jobs WHERE {_OF_KIND} AND tenant_id = owner.id AND due_at <= :now_us)
LIMIT :most
""")  # noqa: S608 (constants)
# Of one key one runs at a time, and the one that is due first goes first.
_OLDEST = text(f"""
SELECT id FROM jobs WHERE {_OF_KIND} AND tenant_id = :tenant AND due_at <= :now_us
AND (uniqueness_key IS NULL OR NOT EXISTS (
  SELECT 1 FROM jobs AS other WHERE other.kind = :kind AND other.tenant_id = :tenant
  AND other.uniqueness_key = jobs.uniqueness_key AND (other.{IS_RUNNING} OR (
    other.{IS_PENDING} AND other.due_at <= :now_us AND (other.due_at, other.id) < (jobs.due_at, jobs.id)))))
ORDER BY due_at, id LIMIT :part
""")  # noqa: S608 (constants)
_OLDEST_LOCKED = text(f"{_OLDEST.text} FOR UPDATE SKIP LOCKED")


class ClaimedJob(NamedTuple):
    """A job that this process holds, as it was when it was claimed. `actor` is who asked for it."""

    id: str
    tenant_id: str
    kind: str
    payload: Mapping[str, Any]
    position: Mapping[str, Any] | None
    attempts_made: int
    actor: Actor
    request_id: str | None
    token: str

    @property
    def held(self) -> Held:
        """The lease by which it is held."""
        return Held(self.id, self.token)


class JobClaimer:
    """Claims for one process, which `worker` tells people. Remembers whose turn it is; for one thread."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._turns: dict[str, str] = {}

    def claim(self, connection: Connection, kind: Kind, free: int, *, now_us: int) -> list[ClaimedJob]:
        """Take due jobs of `kind`, at most `free`."""
        if connection.dialect.name == "postgresql":
            connection.execute(_LOCK, {"kind": kind.name})
        running = {row.tenant_id: row.held for row in connection.execute(_RUNNING, {"kind": kind.name})}
        if kind.concurrency is not None:
            free = min(free, kind.concurrency - sum(running.values()))
        if free <= 0:
            return []
        waiting = self._waiting(connection, kind.name, now_us)
        parts = share(free, running, waiting, most=kind.tenant_concurrency)
        if parts:
            # Whoever came last in this round has everybody before it in the next.
            self._turns[kind.name] = max(parts, key=waiting.index)
        wanted = {"kind": kind.name, "now_us": now_us}
        oldest = _OLDEST_LOCKED if connection.dialect.name == "postgresql" else _OLDEST
        ids = [
            id_
            for tenant, part in parts.items()
            for id_ in connection.scalars(oldest, {**wanted, "tenant": tenant, "part": part})
        ]
        return self._take(connection, ids, now_us) if ids else []

    def _waiting(self, connection: Connection, kind: str, now_us: int) -> list[str]:
        """Tenants that have something due, in the order of their turns."""
        after = self._turns.get(kind, "")
        wanted = {"kind": kind, "now_us": now_us, "most": TENANTS}
        behind = list(connection.scalars(_TENANTS, {**wanted, "after": after}))
        if not after or len(behind) == TENANTS:
            return behind
        before = connection.scalars(_TENANTS, {**wanted, "after": ""})
        return behind + [tenant for tenant in before if tenant <= after]

    def _take(self, connection: Connection, ids: list[str], now_us: int) -> list[ClaimedJob]:
        now = literal(from_us(now_us), _JOBS.c.started_at.type)
        values = {
            "state": JobState.RUNNING,
            "started_at": func.coalesce(_JOBS.c.started_at, now),
            "scheduled_at": now,
            "lease_token": new_token(),
            "lease_renewed_at": now,
            "worker": self._worker,
        }
        taken = update(_JOBS).where(_JOBS.c.id.in_(ids)).values(values).returning(_JOBS)
        found = {row.id: _claimed(row) for row in connection.execute(taken)}
        return [found[id_] for id_ in ids]


def _claimed(row: Any) -> ClaimedJob:
    actor = Actor(ActorKind(row.asker_kind), row.asker_name, row.asker_id, row.asker_address)
    return ClaimedJob(
        id=row.id,
        tenant_id=row.tenant_id,
        kind=row.kind,
        payload=row.payload,
        position=row.position,
        attempts_made=row.attempts_made,
        actor=actor,
        request_id=row.request_id,
        token=row.lease_token,
    )
