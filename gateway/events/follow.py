"""Following the journal live, in order of arrival and without a gap, in flat memory.

Ids sort by the time they were made, and rows appear when their transaction commits: a row may appear below one that
was seen already. So each look goes back a little, and remembers what of that stretch was shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol, TypeVar

from gateway.clock import MICROSECONDS, Clock, to_us
from gateway.events.search import PREFIX
from gateway.security.identifiers import earliest_id, time_of

# Longer than it takes from an id to the commit of its row, short of a database that stands still.
OVERLAP = timedelta(seconds=5)
BATCH = 500

_OVERLAP_US = round(OVERLAP.total_seconds() * MICROSECONDS)


class Identified(Protocol):
    """A row of the journal, or something of it."""

    @property
    def id(self) -> str: ...


Row = TypeVar("Row", bound=Identified)
Look = Callable[[str, int], Sequence[Row]]
"""The rows whose id is greater than the given one, oldest first, at most so many."""


class Follower:
    """Gives the events that came since it was made, each once. For one reader."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Everything up to here was given, and nothing can appear below it any more.
        self._floor = earliest_id(PREFIX, clock.now_us())
        self._given: set[str] = set()

    @property
    def remembered(self) -> int:
        """How many ids are kept in memory: those that came within the overlap."""
        return len(self._given)

    def pass_over(self, look: Look[Row]) -> None:
        """Take what is there already for given: from now on comes what commits later, also below it."""
        self._floor = self._settled()
        while self.next_rows(look):
            pass

    def next_rows(self, look: Look[Row]) -> list[Row]:
        """The rows that were not given yet, oldest first; a long burst comes in several calls, of `BATCH` or more."""
        settled = self._settled()
        found: list[Row] = []
        position = self._floor
        while True:
            batch = look(position, BATCH)
            found += [row for row in batch if row.id not in self._given]
            if len(batch) < BATCH:
                break
            position = batch[-1].id
            if len(found) >= BATCH:
                # Not at the end yet: what lies behind `position` was not looked at.
                settled = min(settled, position)
                break
        self._floor = max(self._floor, settled)
        self._given.update(row.id for row in found)
        self._given = {row_id for row_id in self._given if row_id > self._floor}
        return found

    def _settled(self) -> str:
        return earliest_id(PREFIX, self._clock.now_us() - _OVERLAP_US)


def going_back_from(event_id: str) -> str:
    """After which id to go on for somebody who was shown this event last, so that none is missed. Pure."""
    return earliest_id(PREFIX, to_us(time_of(event_id)) - _OVERLAP_US)
