"""How the queue stands at this moment, for metrics: read from the database, at the cost of what is unfinished."""

from __future__ import annotations

from sqlalchemy import Connection, text

from gateway.clock import MICROSECONDS, Clock
from gateway.db.database import Database
from gateway.delivery.models import CircuitState, DeliveryState
from gateway.delivery.queue.due import oldest_pending
from gateway.telemetry.exposition import QueueGauges

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
_DESTINATIONS = "SELECT count(*) FROM destinations WHERE disabled_at IS NULL"


def read_queue_gauges(database: Database, clock: Clock) -> QueueGauges:
    """Depth of the queue, age of the oldest due delivery, circuits. Raises `StorageUnavailable`."""
    with database.read() as connection:
        depths = {DeliveryState.PENDING.value: 0, DeliveryState.LEASED.value: 0}
        for statement, state in _DEPTHS.items():
            depths[state.value] += connection.execute(text(statement)).scalar_one()
        oldest_us = _oldest(connection)
        circuits = {state.value: 0 for state in CircuitState}
        circuits |= {row[0]: row[1] for row in connection.execute(text(_CIRCUITS))}
        destinations = connection.execute(text(_DESTINATIONS)).scalar_one()
    circuits[CircuitState.CLOSED.value] = max(0, destinations - sum(circuits.values()))
    waited_us = clock.now_us() - oldest_us if oldest_us is not None else 0
    return QueueGauges(depths, max(0.0, waited_us / MICROSECONDS), circuits)


def _oldest(connection: Connection) -> int | None:
    found = [*oldest_pending(connection).values(), connection.execute(text(_OLDEST_KEYED)).scalar_one()]
    return min((instant for instant in found if instant is not None), default=None)
