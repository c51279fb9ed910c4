"""How much work destinations have before them, and how much was given up: counted, never walked through history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, text

from gateway.db.scope import TenantSession
from gateway.delivery.models import Delivery, DeliveryState

# Written out, not bound: a partial index is used only where the statement repeats its condition.
_UNFINISHED = (
    text("deliveries.state = 'pending' AND deliveries.ordering_key IS NULL"),
    text("deliveries.state IN ('pending', 'leased') AND deliveries.ordering_key IS NOT NULL"),
    text("deliveries.state = 'leased' AND deliveries.ordering_key IS NULL"),
)
_DEAD = text("deliveries.state = 'dead'")


@dataclass(frozen=True, slots=True)
class Backlog:
    """Deliveries of one destination: waiting, held by a worker, and given up."""

    pending: int = 0
    leased: int = 0
    dead: int = 0

    @property
    def unfinished(self) -> int:
        """Those that are still going to be tried."""
        return self.pending + self.leased


def backlogs(session: TenantSession, destination_ids: Sequence[str]) -> Mapping[str, Backlog]:
    """The backlog of each destination."""
    counts: dict[str, dict[str, int]] = {destination_id: {} for destination_id in destination_ids}
    for condition in (*_UNFINISHED, _DEAD):
        statement = (
            select(Delivery.destination_id, Delivery.state, func.count())
            .where(condition, Delivery.destination_id.in_(destination_ids))
            .group_by(Delivery.destination_id, Delivery.state)
        )
        for destination_id, state, count in session.execute(statement):
            counts[destination_id][state] = counts[destination_id].get(state, 0) + count
    return {
        destination_id: Backlog(
            pending=states.get(DeliveryState.PENDING, 0),
            leased=states.get(DeliveryState.LEASED, 0),
            dead=states.get(DeliveryState.DEAD, 0),
        )
        for destination_id, states in counts.items()
    }
