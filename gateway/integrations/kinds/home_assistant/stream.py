"""Live changes of one Home Assistant: states by one subscription whose first event is the whole house, without a gap.

https://developers.home-assistant.io/docs/api/websocket. Rooms and names change rarely; who changes them is heard of by
the registries' events, after which they are read anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from gateway.clients.errors import ConnectionFailed, DeadlineExceeded, IntegrationError
from gateway.clients.loop_thread import LoopThread
from gateway.clients.systems.home_assistant_feeds import Changed, Event, Removed, Snapshot
from gateway.clients.systems.home_assistant_socket import HomeAssistantSocket
from gateway.clients.systems.home_assistant_values import State
from gateway.clients.websocket.observer import SocketLogLines, SocketObserver
from gateway.clock import Clock
from gateway.integrations.kinds.home_assistant.registries import KeptRegistries
from gateway.integrations.type import LiveItem

REGISTRY_EVENTS: Final = ("entity_registry_updated", "device_registry_updated", "area_registry_updated")
MOST_AT_ONCE: Final = 500
AWAY_SECONDS: Final = 10.0
"""A home that is away for so long is told of; one that is started again is back before."""
_WAITING: Final = 4096


class HomeStream:
    """One connection, which connects again by itself: each time the whole house comes, and so nothing is missed.

    Changes of one entity that wait together are one: the last.
    """

    def __init__(
        self,
        socket: Callable[[SocketObserver], HomeAssistantSocket],
        registries: KeptRegistries,
        wanted: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        self._registries = registries
        self._wanted = wanted
        self._watch = _Watch(clock)
        self._loop = LoopThread()
        self._loop.__enter__()
        try:
            self._home = self._loop.enter(socket(self._watch))
            self._items: asyncio.Queue[Any] = self._loop.run(self._queue())
            self._readers = [self._loop.run(self._start(self._home.entities()))]
            self._readers += [self._loop.run(self._start(self._home.events(name))) for name in REGISTRY_EVENTS]
        except BaseException:
            self._loop.__exit__()
            raise
        self._is_open = True

    def receive(self, timeout_seconds: float) -> Sequence[LiveItem]:
        """Raises `IntegrationError` when what it reads has ended, or is away for long."""
        try:
            found = self._loop.run(self._next(timeout_seconds), timeout_seconds=timeout_seconds + 5)
        except DeadlineExceeded:
            found = []
        if not found:
            self._watch.require_near()
        return self._told(found)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._loop.__exit__()

    async def _queue(self) -> asyncio.Queue[Any]:
        return asyncio.Queue(_WAITING)

    async def _start(self, feed: AsyncIterator[Any]) -> asyncio.Task[None]:
        return asyncio.create_task(self._follow(feed))

    async def _follow(self, feed: AsyncIterator[Any]) -> None:
        try:
            async for item in feed:
                await self._items.put(item)
            await self._items.put(ConnectionFailed("home_assistant: the feed has ended"))
        except IntegrationError as error:
            await self._items.put(error)

    async def _next(self, timeout_seconds: float) -> list[Any]:
        """What waits, once something does; nothing after `timeout_seconds`."""
        try:
            async with asyncio.timeout(timeout_seconds):
                found = [await self._items.get()]
        except TimeoutError:
            return []
        while len(found) < MOST_AT_ONCE and not self._items.empty():
            found.append(self._items.get_nowait())
        return found

    def _told(self, found: Sequence[Any]) -> Sequence[LiveItem]:
        states: dict[str, State | None] = {}
        items: list[LiveItem] = []
        for one in found:
            if isinstance(one, IntegrationError):
                raise one
            if isinstance(one, Snapshot):
                # What went while nobody listened is found by a sync.
                states = dict(one.states)
                items.append(LiveItem(is_gap=True))
            elif isinstance(one, Changed):
                states[one.state.entity_id] = one.state
            elif isinstance(one, Removed):
                states[one.entity_id] = None
            elif isinstance(one, Event):
                self._registries.forget()
                items.append(LiveItem(is_gap=True))
        wanted = {name: state for name, state in states.items() if self._wanted(name)}
        if wanted:
            items.append(self._item(wanted))
        return items

    def _item(self, states: dict[str, State | None]) -> LiveItem:
        registries = self._registries() if any(states.values()) else None
        there = [state for state in states.values() if state is not None]
        records = [registries.record(_document(state)) for state in there] if registries is not None else []
        return LiveItem(
            resource="entities",
            records=records,
            deleted=[name for name, state in states.items() if state is None],
        )


class _Watch(SocketLogLines):
    """Remembers since when there is no connection, and why."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._away: tuple[float, IntegrationError] | None = None

    def require_near(self) -> None:
        """Raises the error by which it was lost when that was long ago."""
        away = self._away
        if away is not None and self._clock.monotonic() - away[0] >= AWAY_SECONDS:
            raise away[1]

    def opened(self, system: str, number: int) -> None:
        self._away = None
        super().opened(system, number)

    def lost(self, system: str, error: IntegrationError, pause_seconds: float | None) -> None:
        since = self._clock.monotonic() if self._away is None else self._away[0]
        self._away = since, error
        super().lost(system, error, pause_seconds)


def _document(state: State) -> dict[str, Any]:
    """A state as REST writes it."""
    context = state.context
    return {
        "entity_id": state.entity_id,
        "state": state.state,
        "attributes": dict(state.attributes),
        "last_changed": None if state.last_changed is None else state.last_changed.isoformat(),
        "last_updated": None if state.last_updated is None else state.last_updated.isoformat(),
        "context": {"id": context.id, "parent_id": context.parent_id, "user_id": context.user_id},
    }
