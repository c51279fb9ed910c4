"""Following the journal live, in order of arrival and without a gap, in flat memory.

Ids sort by the time they were made, and rows appear when their transaction commits: a row may appear below one that
was seen already. So each look goes back a little, and remembers what of that stretch was shown.
"""

from __future__ import annotations

from datetime import timedelta

from gateway.clock import MICROSECONDS, Clock
from gateway.events.search import PREFIX, EventFilter, EventSummary, events_after
from gateway.security.identifiers import earliest_id
from gateway.tenants.acting import Acting

# Longer than it takes from an id to the commit of its row, short of a database that stands still.
OVERLAP = timedelta(seconds=5)
BATCH = 500


class Follower:
    """Gives the events that came since it was made, each once. For one reader."""

    def __init__(self, wanted: EventFilter, clock: Clock) -> None:
        self._wanted = wanted
        self._clock = clock
        # Everything up to here was given, and nothing can appear below it any more.
        self._floor = earliest_id(PREFIX, clock.now_us())
        self._given: set[str] = set()

    @property
    def remembered(self) -> int:
        """How many ids are kept in memory: those that came within the overlap."""
        return len(self._given)

    def next_events(self, acting: Acting) -> list[EventSummary]:
        """The events that were not given yet, oldest first; a long burst comes in several calls."""
        settled = earliest_id(PREFIX, self._clock.now_us() - round(OVERLAP.total_seconds() * MICROSECONDS))
        found: list[EventSummary] = []
        position = self._floor
        while True:
            batch = events_after(acting.session, self._wanted, position, limit=BATCH)
            found += [event for event in batch if event.id not in self._given]
            if len(batch) < BATCH:
                break
            position = batch[-1].id
            if len(found) >= BATCH:
                # Not at the end yet: what lies behind `position` was not looked at.
                settled = min(settled, position)
                break
        self._floor = max(self._floor, settled)
        self._given.update(event.id for event in found)
        self._given = {event_id for event_id in self._given if event_id > self._floor}
        return found
