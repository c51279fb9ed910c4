"""Leaving live deliveries their place beside a replay of many.

What is due to a destination goes in the order in which it became due: a replay that made a million due at once would go
before everything that comes afterwards. So it waits while a destination has much to do and some of it is being tried.
Where nothing is taken (no worker runs, or the destination is down) nothing live is held up, and it does not wait.
Between two transactions it rests as long as the last one took, so that SQLite's other writers get their turn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from sqlalchemy import ColumnElement, TextClause, func, select, text

from gateway.clock import Clock
from gateway.db.scope import TenantSession
from gateway.delivery.models import Delivery
from gateway.tenants.acting import Begin

# Due deliveries of a destination beside which a replay goes on.
ROOM = 1_000
# Nothing was taken for so long: nothing is delivered there now.
STALLED_SECONDS = 5.0
LOOK_SECONDS = 0.05
LONGEST_REST_SECONDS = 0.25

# Written out, not bound: a partial index is used only where the statement repeats its condition.
_DUE = text("deliveries.state = 'pending' AND deliveries.ordering_key IS NULL")
# Those that are not due count too: which are cannot be told without walking all of them.
_KEYED = text("deliveries.state IN ('pending', 'leased') AND deliveries.ordering_key IS NOT NULL")
_LEASED = text("deliveries.state = 'leased'")


class _Look(NamedTuple):
    """A destination: how much it has to do, up to the room of each kind, and whether some of it is being tried."""

    waiting: int
    is_tried: bool


class Pace:
    """Waits for one replay. `reading` opens a transaction that reads, `sleep` takes seconds."""

    def __init__(self, reading: Begin, clock: Clock, sleep: Callable[[float], object], *, room: int = ROOM) -> None:
        self._reading = reading
        self._clock = clock
        self._sleep = sleep
        self._room = room
        self._stalled: set[str] = set()
        self._went_on_at = clock.monotonic()

    def wait(self, destination_ids: Collection[str]) -> None:
        """Return after a rest, when every destination has room, or takes nothing."""
        self._sleep(min(self._clock.monotonic() - self._went_on_at, LONGEST_REST_SECONDS))
        for id_ in sorted(set(destination_ids) - self._stalled):
            self._wait_for(id_)
        self._went_on_at = self._clock.monotonic()

    def _wait_for(self, destination_id: str) -> None:
        tried_at = self._clock.monotonic()
        while (found := self._look(destination_id)).waiting >= self._room:
            now = self._clock.monotonic()
            if found.is_tried:
                tried_at = now
            elif now - tried_at >= STALLED_SECONDS:
                self._stalled.add(destination_id)
                return
            self._sleep(LOOK_SECONDS)

    def _look(self, destination_id: str) -> _Look:
        with self._reading() as acting:
            mine = Delivery.destination_id == destination_id
            due = _count(acting.session, self._room, _DUE, mine, Delivery.next_attempt_at <= acting.now)
            keyed = _count(acting.session, self._room, _KEYED, mine)
            return _Look(due + keyed, _count(acting.session, 1, _LEASED, mine) > 0)


def _count(session: TenantSession, most: int, *which: ColumnElement[bool] | TextClause) -> int:
    some = select(Delivery.id).where(*which).limit(most).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0
