"""What Home Assistant sends under a subscription, read into items that wait for whoever takes them.

Of what waits there is a bound. Who falls behind it loses what waited, is told by the first item that follows
(`Gap`, `Snapshot`), and is subscribed anew when he has caught up. https://developers.home-assistant.io/docs/api/websocket
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from gateway.clients.errors import IntegrationError, ResponseInvalid
from gateway.clients.systems.home_assistant_results import refusal
from gateway.clients.systems.home_assistant_values import Context, State, context_in, instant, mapping


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `state_changed` has `entity_id`, `old_state` and `new_state` (None: removed)."""

    type: str
    data: Mapping[str, Any]
    fired_at: datetime | None
    context: Context


@dataclass(frozen=True, slots=True)
class Fired:
    """A trigger fired, with its variables."""

    trigger: Mapping[str, Any]
    context: Context


@dataclass(frozen=True, slots=True)
class Gap:
    """What happened just before was not seen: the connection was lost, or too much waited. Take states anew."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All entities as they are now: in place of everything that was known before."""

    states: Mapping[str, State] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Changed:
    """An entity is new, or another than it was."""

    state: State


@dataclass(frozen=True, slots=True)
class Removed:
    """An entity is gone."""

    entity_id: str


class Reader(Protocol):
    """Makes items of what comes under one subscription, and keeps what it needs to."""

    def begin(self, number: int) -> list[Any]:
        """Items that stand before those of the subscription `number`, from 1."""
        ...

    def read(self, event: Any) -> list[Any]:
        """Items of one event. Raises `IntegrationError` for one that says that there will be none."""
        ...


class EventReader:
    """Events of the bus."""

    def begin(self, number: int) -> list[Any]:
        return [Gap()] if number > 1 else []

    def read(self, event: Any) -> list[Any]:
        entry = mapping(event, "an event")
        at = instant(entry.get("time_fired"))
        return [Event(str(entry.get("event_type")), entry.get("data") or {}, at, context_in(entry.get("context")))]


class TriggerReader(EventReader):
    """Triggers that fired."""

    def read(self, event: Any) -> list[Any]:
        entry = mapping(event, "an event")
        variables = mapping(entry.get("variables") or {}, "variables")
        return [Fired(variables.get("trigger") or {}, context_in(entry.get("context")))]


class RenderedReader:
    """What a template comes to: text, numbers, lists, as Home Assistant understands it."""

    def begin(self, number: int) -> list[Any]:
        return []

    def read(self, event: Any) -> list[Any]:
        entry = mapping(event, "a rendered template")
        if "result" in entry:
            return [entry["result"]]
        # Before what is wrong, warnings may come: a variable that is not there.
        if entry.get("level") != "ERROR":
            return []
        raise refusal("render_template", "template_error", str(entry.get("error", "")))


class EntityReader:
    """States, of which the first event has all and later ones what changed, in short keys."""

    def __init__(self) -> None:
        self._states: dict[str, State] | None = None

    def begin(self, number: int) -> list[Any]:
        self._states = None
        return []

    def read(self, event: Any) -> list[Any]:
        entry = mapping(event, "an event")
        added = {name: _whole(name, short) for name, short in (entry.get("a") or {}).items()}
        if self._states is None:
            self._states = added
            return [Snapshot(dict(added))]
        changed = [
            _patched(self._states[name], diff) for name, diff in (entry.get("c") or {}).items() if name in self._states
        ]
        items: list[Any] = []
        for state in (*added.values(), *changed):
            self._states[state.entity_id] = state
            items.append(Changed(state))
        for name in entry.get("r") or ():
            self._states.pop(name, None)
            items.append(Removed(name))
        return items


class Feed:
    """The items of one subscription, over all connections. Iterate in one task; `close` when done."""

    def __init__(
        self,
        kind: str,
        fields: Mapping[str, Any],
        reader: Reader,
        *,
        max_waiting: int,
        catch_up: Callable[[Feed], Awaitable[None]],
        unsubscribe: Callable[[Feed], Awaitable[None]],
    ) -> None:
        self.kind = kind
        self.fields = fields
        self.number: int | None = None
        self.is_behind = False
        self._reader = reader
        self._max_waiting = max_waiting
        self._catch_up = catch_up
        self._unsubscribe = unsubscribe
        self._subscriptions = 0
        self._waiting: deque[Any] = deque()
        self._changed = asyncio.Event()
        self._has_ended = False
        self._failed: Exception | None = None

    def __aiter__(self) -> Feed:
        return self

    async def __anext__(self) -> Any:
        while not self._waiting:
            if self._has_ended:
                raise self._failed or StopAsyncIteration
            if self.is_behind:
                await self._catch_up(self)
            self._changed.clear()
            if not self._waiting and not self._has_ended:
                await self._changed.wait()
        return self._waiting.popleft()

    async def close(self) -> None:
        """Unsubscribe."""
        self.end(None)
        await self._unsubscribe(self)

    def begin(self) -> None:
        """It is about to be subscribed."""
        self._subscriptions += 1
        self.is_behind = False
        self._waiting.extend(self._reader.begin(self._subscriptions))
        self._changed.set()

    def put(self, event: Any) -> None:
        """An event came. One that cannot be read, or says what is wrong, ends the feed with its error."""
        if self.is_behind:
            return
        try:
            self._waiting.extend(self._reader.read(event))
        except IntegrationError as error:
            self.end(error)
        except (AttributeError, TypeError):
            self.end(ResponseInvalid("home_assistant: no such event"))
        if len(self._waiting) > self._max_waiting:
            self._waiting.clear()
            self.is_behind = True
        self._changed.set()

    def end(self, failed: Exception | None) -> None:
        """Nothing more comes; `failed` is raised behind what waits."""
        if not self._has_ended:
            self._has_ended, self._failed = True, failed
        self._changed.set()


def _whole(name: str, short: Mapping[str, Any]) -> State:
    changed = instant(short.get("lc"))
    updated = instant(short.get("lu")) or changed
    return State(name, str(short.get("s")), short.get("a") or {}, changed, updated, updated, context_in(short.get("c")))


def _patched(state: State, diff: Mapping[str, Any]) -> State:
    plus, minus = diff.get("+") or {}, diff.get("-") or {}
    attributes = {name: value for name, value in state.attributes.items() if name not in (minus.get("a") or ())}
    changed = instant(plus.get("lc"))
    updated = instant(plus.get("lu")) or changed or state.last_updated
    return replace(
        state,
        state=str(plus.get("s", state.state)),
        attributes=attributes | (plus.get("a") or {}),
        last_changed=changed or state.last_changed,
        last_updated=updated,
        last_reported=updated,
        context=_patched_context(state.context, plus.get("c")),
    )


def _patched_context(context: Context, diff: Any) -> Context:
    """A change has what is another than before: an object, or only the id. What it leaves out is as it was."""
    entry = {"id": diff} if isinstance(diff, str) else diff if isinstance(diff, dict) else {}
    return replace(context, **{name: entry[name] for name in ("id", "parent_id", "user_id") if name in entry})
