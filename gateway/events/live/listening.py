"""Listening: the events of a tenant as they come, for one who perhaps missed some.

Everybody is told each event at least once. Who goes on after an event that it names, or takes slower than events come,
is told again what came in the five seconds before: ids sort by when they were made, and rows appear when they commit.
"""

from __future__ import annotations

import asyncio
import re
import weakref
from collections.abc import AsyncGenerator, Sequence

from gateway.errors import InvalidInput, StorageUnavailable
from gateway.events.follow import going_back_from
from gateway.events.live.channel import Listener
from gateway.events.live.frames import Frame, comment, opening
from gateway.events.live.hub import LEFT, EventHub, Guest
from gateway.events.live.missed import read_missed
from gateway.events.search import EventFilter

HEARTBEAT_SECONDS = 15.0
LAST_EVENT_ID = "Last-Event-ID"

ALIVE = comment("still here")
BEHIND = comment("fell behind: goes on from the journal, and may repeat")
UNAVAILABLE = comment("ended: the journal cannot be read now")

_EVENT_ID = re.compile(r"evt_[0-9a-f][0-9a-v]{25}", re.ASCII)


def listen(
    hub: EventHub,
    guest: Guest,
    wanted: EventFilter,
    last_event_id: str | None,
    *,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> AsyncGenerator[bytes, None]:
    """Server-sent events for `guest`: those that were committed after `last_event_id` was told, if any, and those that
    come. Ends when the guest is not welcome any more, and when the journal cannot be read.

    Raises `InvalidInput`, `TooManyListeners` and `StorageUnavailable`, before anything is sent.
    """
    if last_event_id is not None and not _EVENT_ID.fullmatch(last_event_id):
        raise InvalidInput.at(LAST_EVENT_ID, "malformed", f"{last_event_id!r} is not the id of an event")
    listener = hub.join(guest, wanted)
    after_id = None
    if last_event_id is not None:
        listener.last_id = last_event_id
        after_id = going_back_from(last_event_id)
    body = _told(hub, listener, after_id, heartbeat_seconds)
    # What was not begun has no `finally`.
    weakref.finalize(body, listener.end, LEFT).atexit = False
    return body


async def _told(
    hub: EventHub, listener: Listener, after_id: str | None, heartbeat_seconds: float
) -> AsyncGenerator[bytes, None]:
    """While `after_id` is there, what was missed is read from the journal after it."""
    listener.start()
    loop = asyncio.get_running_loop()
    try:
        yield opening()
        while listener.ended is None:
            if after_id is not None:
                try:
                    missed = await loop.run_in_executor(
                        hub.missed_threads, read_missed, hub.database, listener.channel, after_id
                    )
                except StorageUnavailable:
                    yield UNAVAILABLE
                    return
                after_id = None if missed.is_all else missed.after_id
                if missed.frames:
                    listener.last_id = missed.frames[-1].event_id
                    yield _joined(missed.frames)
                else:
                    yield ALIVE
                continue
            frames = listener.take()
            if frames:
                yield _joined(frames)
            elif frames is None:
                after_id = going_back_from(listener.last_id)
                # Before the journal is read: what is found later is in the channel.
                listener.position = listener.channel.window.end
                yield BEHIND
            elif not await listener.wait(heartbeat_seconds):
                yield ALIVE
        yield comment(listener.ended)
    finally:
        listener.end(LEFT)


def _joined(frames: Sequence[Frame]) -> bytes:
    return b"".join(one.data for one in frames)
