"""What a listener missed, read from the journal in steps that are short whatever its filter lets pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.db.database import Database
from gateway.events.live.channel import Channel
from gateway.events.live.frames import Frame, frame
from gateway.events.search import EventFilter, events_after

BATCH = 200
# A step ends after so many frames, or when it has looked at so many events.
ENOUGH_FRAMES = 100
MOST_EVENTS = 2_000


class Missed(NamedTuple):
    """One step: what was found, and after which id to go on. `is_all`: for now there is nothing behind it."""

    frames: Sequence[Frame]
    after_id: str
    is_all: bool


def read_missed(database: Database, channel: Channel, after_id: str) -> Missed:
    """The next step. Raises `StorageUnavailable`."""
    found: list[Frame] = []
    looked_at = 0
    with database.tenant_session(channel.tenant_id) as session:
        while len(found) < ENOUGH_FRAMES and looked_at < MOST_EVENTS:
            events = events_after(session, EventFilter(), after_id, BATCH)
            found += [frame(event) for event in events if channel.matches(event.source, event.type)]
            looked_at += len(events)
            if events:
                after_id = events[-1].id
            if len(events) < BATCH:
                return Missed(found, after_id, is_all=True)
    return Missed(found, after_id, is_all=False)
