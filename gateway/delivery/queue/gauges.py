"""How the queue stands at this moment, for metrics: read from the database, at the cost of what is unfinished."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, text

from gateway.clock import MICROSECONDS, Clock
from gateway.db.database import Database
from gateway.delivery.models import CircuitState, DeliveryState
from gateway.delivery.queue.due import oldest_pending
from gateway.telemetry.exposition import QueueGauges
from gateway.tenants.models import DEFAULT_TENANT_ID

_DEPTHS = {
    "SELECT count(*) FROM deliveries WHERE state = 'pending' AND ordering_key IS NULL": DeliveryState.PENDING,
    "SELECT count(*) FROM deliveries WHERE state IN ('pending', 'leased') AND ordering_key IS NOT NULL "
    "AND state = 'pending'": DeliveryState.PENDING,
    "SELECT count(*) FROM deliveries WHERE state = 'leased'": DeliveryState.LEASED,
}
_OLDEST_KEYED = (
    "SELECT min(next_attempt_at) FROM deliveries WHERE state IN ('pending', 'leased') AND ordering_key IS NOT NULL "
    "AND state = 'pending'"
)
_CIRCUITS = "SELECT circuit, count(*) FROM destination_states WHERE circuit <> 'closed' GROUP BY circuit"
# Bounded: who has more dead letters than that needs no exact number.
MOST_DEAD = 20_000
MOST_DESTINATIONS = 200
_DEAD = (
    "SELECT destination_id, count(*), min(finished_at) FROM (SELECT destination_id, finished_at FROM deliveries "  # noqa: S608
    f"WHERE state = 'dead' LIMIT {MOST_DEAD}) AS dead GROUP BY destination_id"
)
_OPEN = (
    "SELECT destination_id, circuit, probe_at FROM destination_states WHERE circuit <> 'closed' "  # noqa: S608
    f"ORDER BY destination_id LIMIT {MOST_DESTINATIONS}"
)
_NAMES = "SELECT id, tenant_id, name FROM destinations"
_DESTINATIONS = "SELECT count(*) FROM destinations WHERE disabled_at IS NULL"


class Troubled(NamedTuple):
    """A destination that has something due or dead, or a circuit that is not closed. Instants in microseconds."""

    tenant_id: str
    name: str
    oldest_due_at: int | None = None
    circuit: str | None = None
    probe_at: int | None = None
    dead: int = 0
    dead_since: int | None = None

    @property
    def label(self) -> str:
        """Its name as metrics have it."""
        return self.name if self.tenant_id == DEFAULT_TENANT_ID else f"{self.tenant_id}/{self.name}"


def read_troubled(connection: Connection) -> list[Troubled]:
    """Those that there are now; of very many the first ones. Raises `StorageUnavailable`."""
    due = dict(oldest_pending(connection))
    dead = {row[0]: (row[1], row[2]) for row in connection.execute(text(_DEAD))}
    circuits = {row[0]: (row[1], row[2]) for row in connection.execute(text(_OPEN))}
    wanted = {*due, *dead, *circuits}
    found = connection.execute(text(_NAMES)) if wanted else ()
    named = sorted((row[1], row[2], row[0]) for row in found if row[0] in wanted)
    return [
        Troubled(tenant_id, name, due.get(id_), *circuits.get(id_, (None, None)), *dead.get(id_, (0, None)))
        for tenant_id, name, id_ in named[:MOST_DESTINATIONS]
    ]


def read_queue_gauges(database: Database, clock: Clock) -> QueueGauges:
    """Depth of the queue, age of the oldest due delivery, circuits, dead letters. Raises `StorageUnavailable`."""
    with database.read() as connection:
        depths = {DeliveryState.PENDING.value: 0, DeliveryState.LEASED.value: 0}
        for statement, state in _DEPTHS.items():
            depths[state.value] += connection.execute(text(statement)).scalar_one()
        oldest_us = _oldest(connection)
        circuits = {state.value: 0 for state in CircuitState}
        circuits |= {row[0]: row[1] for row in connection.execute(text(_CIRCUITS))}
        destinations = connection.execute(text(_DESTINATIONS)).scalar_one()
        troubled = read_troubled(connection)
    circuits[CircuitState.CLOSED.value] = max(0, destinations - sum(circuits.values()))
    now_us = clock.now_us()
    return QueueGauges(
        depths,
        _age_seconds(oldest_us, now_us),
        circuits,
        dead_by_destination={one.label: one.dead for one in troubled if one.dead},
        circuits={one.label: one.circuit for one in troubled if one.circuit is not None},
        oldest_due_by_destination={
            one.label: _age_seconds(one.oldest_due_at, now_us) for one in troubled if one.oldest_due_at is not None
        },
    )


def _age_seconds(at_us: int | None, now_us: int) -> float:
    return 0.0 if at_us is None else max(0.0, (now_us - at_us) / MICROSECONDS)


def _oldest(connection: Connection) -> int | None:
    found = [*oldest_pending(connection).values(), connection.execute(text(_OLDEST_KEYED)).scalar_one()]
    return min((instant for instant in found if instant is not None), default=None)
