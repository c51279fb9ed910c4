"""Channels: what listeners to the same events of a tenant share. The last frames are kept once for all of them, and
each listener has a position in them, so that one who is slow costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from gateway.events.live.frames import Frame
from gateway.events.matching import Matcher

# Frames that a listener is given at once, about 50 KB: it waits until they are taken.
TAKEN_FRAMES = 100


class Window(NamedTuple):
    """The last frames of a channel: `frames` from the one with the number `first` on. Never changed."""

    first: int = 0
    frames: Sequence[Frame] = ()

    @property
    def end(self) -> int:
        """The number of the frame that comes next."""
        return self.first + len(self.frames)

    def with_more(self, frames: Sequence[Frame], *, kept: int) -> Window:
        """The window after these, which keeps so many."""
        found = (*self.frames, *frames)[-kept:]
        return Window(self.end + len(frames) - len(found), found)

    def after(self, position: int) -> Sequence[Frame] | None:
        """At most `TAKEN_FRAMES` from `position` on; None where those that come next are not kept any more."""
        start = position - self.first
        return None if start < 0 else self.frames[start : start + TAKEN_FRAMES]


class Channel:
    """The wanted events of one tenant. A thread replaces `window`, listeners read it."""

    def __init__(self, tenant_id: str, matches: Matcher) -> None:
        self.tenant_id = tenant_id
        self.matches = matches
        self.window = Window()


class Listener:
    """Somebody who listens: to `channel`, from `position` on. It ends when `ended` says why.

    `last_id` is the event that it was given last, or the moment at which it came as an id.
    """

    def __init__(self, channel: Channel, key_id: str, is_welcome: Callable[[], bool], last_id: str) -> None:
        self.channel = channel
        self.key_id = key_id
        self.is_welcome = is_welcome
        self.last_id = last_id
        self.position = channel.window.end
        self.ended: str | None = None
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """It listens on this loop. What is in the channel from now on wakes it."""
        self._loop = asyncio.get_running_loop()

    def take(self) -> Sequence[Frame] | None:
        """What came since it took last; None where it came too fast to be kept."""
        self._news.clear()
        found = self.channel.window.after(self.position)
        if found:
            self.position += len(found)
            self.last_id = found[-1].event_id
        return found

    async def wait(self, seconds: float) -> bool:
        """Until there may be something since it took last; False after so long without."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        return self._news.is_set()

    def end(self, why: str) -> None:
        """From any thread: let it know that it is over."""
        self.ended = self.ended or why

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """Where it waits; None before it started."""
        return self._loop

    def wake(self) -> None:
        """On its loop: there may be something for it."""
        self._news.set()


def wake(listeners: Sequence[Listener]) -> None:
    """From any thread: wake them, each loop once."""
    loops = {listener.loop for listener in listeners}
    for loop in loops - {None}:
        assert loop is not None
        theirs = [listener for listener in listeners if listener.loop is loop]
        # A loop that is closed has nobody on it who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_wake_here, theirs)


def _wake_here(listeners: Sequence[Listener]) -> None:
    for listener in listeners:
        listener.wake()
