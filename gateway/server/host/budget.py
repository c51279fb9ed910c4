"""What requests hold together, in one process, from their first byte to their answer."""

from __future__ import annotations

from typing import Protocol

# So much of each connection passes though the budget is spent: usual webhooks are served while large ones fill it.
ALWAYS_BYTES = 16 * 1024
# A spell in which less was held is not worth giving memory back.
SPELL_BYTES = 8 * 1024 * 1024


class Holder(Protocol):
    """A connection with requests that are not answered yet."""

    def let_go(self) -> None:
        """Give up the request that is coming, and give back what it holds."""


class Budget:
    """Counts what came in and is not answered. When it is spent, the requests that have been coming for the longest are
    given up: an honest sender is done in no time, whoever holds much for long is not one.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = self._free = max_bytes
        # Whose requests are still coming and have come to more than a little, eldest first.
        self._coming: dict[Holder, None] = {}
        self._least_free = max_bytes

    @property
    def held_bytes(self) -> int:
        """What is held now."""
        return self._max_bytes - self._free

    def take(self, size: int) -> None:
        """Count what came; asks nobody."""
        self._free -= size

    def give_back(self, size: int) -> None:
        """Count what is no longer held."""
        self._free += size

    def make_room(self, holder: Holder, *, is_coming: bool) -> bool:
        """Whether `holder`, who has much, may keep it; others are made to let go where there is not enough."""
        if not is_coming:
            self._coming.pop(holder, None)
        elif holder not in self._coming:
            self._coming[holder] = None
        self._least_free = min(self._least_free, self._free)
        while self._free < 0:
            eldest = next(iter(self._coming), None)
            if eldest is None or eldest is holder:
                return False
            del self._coming[eldest]
            eldest.let_go()
        return True

    def forget(self, holder: Holder) -> None:
        """Its request is whole, or nothing of it comes any more."""
        self._coming.pop(holder, None)

    def has_calmed(self) -> bool:
        """Whether a spell is over in which much was held; said once for each."""
        spell = self._max_bytes - self._least_free
        if spell < SPELL_BYTES or self.held_bytes > spell // 4:
            return False
        self._least_free = self._free
        return True
