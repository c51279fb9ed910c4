"""How many attempts a worker holds, in all and per destination, and how many more it may start. Counters, no I/O."""

from __future__ import annotations

from collections import defaultdict

from gateway.delivery.decisions.target import Target
from gateway.delivery.models import DestinationKind
from gateway.delivery.queue.claim import FreeSlots
from gateway.delivery.sending.handler_pool import HandlerPool

ATTEMPTS_IN_FLIGHT = 2_000
CLAIM_LIMIT = 500
# However few slots are left, a destination that has hardly any attempts in flight may have this many.
FEW = 2
# One destination may hold this part of the slots that are left.
PART = 16


class Slots:
    """The attempts in flight of one worker. Counted by the event loop; reading from another thread is safe."""

    def __init__(self, limit: int, handlers: HandlerPool) -> None:
        self._limit = limit
        self._handlers = handlers
        self._by_destination: defaultdict[str, int] = defaultdict(int)
        self.taken = 0

    def take(self, target: Target) -> None:
        """An attempt of `target` starts."""
        self.taken += 1
        self._by_destination[target.id] += 1
        if target.kind is DestinationKind.HANDLER:
            self._handlers.take(target.handler or "")

    def give_back(self, target: Target) -> None:
        """An attempt of `target` ended."""
        self.taken -= 1
        self._by_destination[target.id] -= 1
        if not self._by_destination[target.id]:
            del self._by_destination[target.id]
        if target.kind is DestinationKind.HANDLER:
            self._handlers.give_back(target.handler or "")

    def free_slots(self) -> FreeSlots:
        """What a claim may bring now."""
        return FreeSlots(min(self._limit - self.taken, CLAIM_LIMIT), self.free)

    def free(self, target: Target) -> int:
        """How many more attempts of `target` may start.

        The fewer slots are left in all, the fewer one destination may hold of them: many slow ones together must
        leave some for the others.
        """
        if target.kind is DestinationKind.HANDLER:
            return self._handlers.free(target.handler or "")
        left = self._limit - self.taken
        most = min(target.concurrency, max(FEW, left // PART))
        return min(left, most - self._by_destination.get(target.id, 0))
