"""The hub: one thread of a process follows the journal for all who listen, while somebody does.

    journal ─ thread: look, match, frame ─ channels ─ loop: listeners
                                                        └ what they missed: two threads, in steps

Listeners have no thread: each is an asynchronous generator (`listening`) that waits on its loop. Who leaves a loop must
not wait for a lock: a listener is not removed but ends, and the next look sees it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

from sqlalchemy import select

from gateway.clock import Clock
from gateway.db.database import Database
from gateway.db.scope import SystemSession
from gateway.errors import StorageUnavailable, TooManyListeners
from gateway.events.follow import BATCH, Follower, Identified
from gateway.events.live.channel import Channel, Listener, wake
from gateway.events.live.frames import Frame, frame
from gateway.events.matching import matcher
from gateway.events.models import Event
from gateway.events.search import PREFIX, EventFilter, EventSummary, events_with
from gateway.installation import Installation
from gateway.priority import step_back
from gateway.security.identifiers import earliest_id
from gateway.telemetry.logging import get_logger

POLL_SECONDS = 0.25
REST = 4.0
"""Seconds of rest for each second of work."""
MOST_PAUSE_SECONDS = 1.0
MISSED_THREADS = 2
# Frames of all channels together, about half a kilobyte each, and of one.
KEPT_FRAMES = 20_000
KEPT_PER_CHANNEL = 4_096
# Listeners of a process, and how many of them may be a tenant's and a key's.
LISTENERS = 500
LISTENERS_PER_TENANT = 200
LISTENERS_PER_KEY = 50

UNWELCOME = "ended: the API key opens no more"
ENDING = "ended: the gateway is ending"
LEFT = "left"

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Guest:
    """Who wants to listen: with which key, for which tenant. `is_welcome` is asked with every look, in any thread; it
    may raise `StorageUnavailable`, and then nothing changes.
    """

    tenant_id: str
    key_id: str
    is_welcome: Callable[[], bool]


class EventHub:
    """One per process: ask `hub_of`. Safe in any thread; `join` reads the database. `kept_frames` are those of all
    channels together.
    """

    def __init__(self, database: Database, clock: Clock, *, kept_frames: int = KEPT_FRAMES) -> None:
        self.database = database
        self._kept_frames = kept_frames
        self.missed_threads = ThreadPoolExecutor(MISSED_THREADS, thread_name_prefix="events-missed")
        self._clock = clock
        self._lock = threading.Lock()
        self._is_ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._follower = Follower(clock)
        self._listeners: list[Listener] = []
        self._channels: dict[tuple[str, EventFilter], Channel] = {}

    def join(self, guest: Guest, wanted: EventFilter) -> Listener:
        """A new listener, who has everything that is committed from now on. Raises `InvalidInput`, `TooManyListeners`
        and `StorageUnavailable`.
        """
        matches = matcher(wanted.source, wanted.type)
        with self._lock:
            self._require_room(guest)
            if self._thread is None:
                self._begin()
            channel = self._channels.setdefault((guest.tenant_id, wanted), Channel(guest.tenant_id, matches))
            came_at = earliest_id(PREFIX, self._clock.now_us())
            listener = Listener(channel, guest.key_id, guest.is_welcome, came_at)
            self._listeners.append(listener)
        return listener

    def listeners(self) -> Sequence[Listener]:
        """Those who listen, and who have left since the last look."""
        with self._lock:
            return list(self._listeners)

    def close(self) -> None:
        """Let everybody go, and end the threads. Idempotent."""
        self._is_ending.set()
        with self._lock:
            thread = self._thread
        listeners = self.listeners()
        for listener in listeners:
            listener.end(ENDING)
        wake(listeners)
        if thread is not None:
            thread.join(5)
        self.missed_threads.shutdown(wait=True, cancel_futures=True)

    def _require_room(self, guest: Guest) -> None:
        there = [listener for listener in self._listeners if listener.ended is None]
        of_tenant = [listener for listener in there if listener.channel.tenant_id == guest.tenant_id]
        of_key = [listener for listener in there if listener.key_id == guest.key_id]
        for whose, count, most in (
            ("this API key", len(of_key), LISTENERS_PER_KEY),
            ("this tenant", len(of_tenant), LISTENERS_PER_TENANT),
            ("all together", len(there), LISTENERS),
        ):
            if count >= most:
                raise TooManyListeners(f"{count} listen to events already for {whose}: {most} may in a process")

    def _begin(self) -> None:
        """Follow from here. What commits from now on is found, whenever it was made."""
        self._follower = Follower(self._clock)
        with self.database.system_session() as session:
            self._follower.pass_over(lambda after_id, limit: _ids_after(session, after_id, limit))
        self._thread = threading.Thread(target=self._run, name="events-live", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        step_back()
        is_failing = False
        pause = POLL_SECONDS
        while not self._is_ending.wait(pause) and self._keep_those_who_stay():
            began = self._clock.monotonic()
            has_more = False
            try:
                has_more = self._look()
                is_failing = False
            except Exception as error:  # whatever it is, the next look may succeed; without a thread none would come
                if not is_failing:
                    _log.error(
                        "the journal is not followed; it is tried again", error=str(error), kind=type(error).__name__
                    )
                is_failing = True
            took = self._clock.monotonic() - began
            pause = min(MOST_PAUSE_SECONDS, max(took * REST, 0.0 if has_more else POLL_SECONDS))

    def _look(self) -> bool:
        """One look into the journal, for all; whether there is more. Raises `StorageUnavailable`."""
        with self.database.system_session() as session:
            rows = self._follower.next_rows(lambda after_id, limit: _ids_after(session, after_id, limit))
            # Now, and not before: who joined in between has what was found.
            with self._lock:
                channels = list(self._channels.values())
            tenants = {channel.tenant_id for channel in channels}
            events = events_with(session, [row.id for row in rows], tenants) if rows else []
        self._hand_out(events, channels)
        return len(rows) >= BATCH

    def _keep_those_who_stay(self) -> bool:
        """Forget who has left, end who may not listen any more; False when nobody is there: the thread ends then."""
        unwelcome = [listener for listener in self.listeners() if listener.ended is None and not _is_welcome(listener)]
        for listener in unwelcome:
            listener.end(UNWELCOME)
        wake(unwelcome)
        with self._lock:
            self._listeners = [listener for listener in self._listeners if listener.ended is None]
            listened = {id(listener.channel) for listener in self._listeners}
            self._channels = {key: one for key, one in self._channels.items() if id(one) in listened}
            if not self._listeners:
                self._thread = None
            return bool(self._listeners)

    def _hand_out(self, events: Sequence[tuple[str, EventSummary]], channels: Sequence[Channel]) -> None:
        kept = min(KEPT_PER_CHANNEL, self._kept_frames // max(1, len(channels)))
        frames: dict[str, Frame] = {}
        by_tenant: defaultdict[str, list[EventSummary]] = defaultdict(list)
        for tenant_id, event in events:
            by_tenant[tenant_id].append(event)
        touched = set()
        for channel in channels:
            matching = [one for one in by_tenant[channel.tenant_id] if channel.matches(one.source, one.type)]
            for event in matching:
                if event.id not in frames:
                    frames[event.id] = frame(event)
            if matching:
                channel.window = channel.window.with_more([frames[one.id] for one in matching], kept=kept)
                touched.add(channel)
        wake([listener for listener in self.listeners() if listener.channel in touched])


def hub_of(installation: Installation) -> EventHub:
    """The hub of `installation`, made when first asked for."""
    return installation.part(_make_hub)


def _make_hub(installation: Installation) -> EventHub:
    return EventHub(installation.database, installation.clock)


def _is_welcome(listener: Listener) -> bool:
    try:
        return listener.is_welcome()
    except StorageUnavailable:
        return True


def _ids_after(session: SystemSession, after_id: str, limit: int) -> Sequence[Identified]:
    statement = select(Event.id).where(Event.id > after_id).order_by(Event.id).limit(limit)
    return cast("Sequence[Identified]", session.execute(statement).all())
