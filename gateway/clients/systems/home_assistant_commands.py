"""Commands to Home Assistant, and which answer is whose, over one connection after another.

Ids count from 1 on each connection, and have to rise in the order of sending. Events go to the feed whose subscription
has their id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from gateway.clients.errors import ConnectionFailed, DeadlineExceeded, FailedCall, IntegrationError
from gateway.clients.stripping import strip
from gateway.clients.systems.home_assistant_feeds import Feed
from gateway.clients.systems.home_assistant_results import result_of
from gateway.clients.systems.home_assistant_values import SYSTEM
from gateway.clients.websocket.link import Link


class Commands:
    """A command has `seconds`, also to wait for a connection. `secrets` are kept out of errors. For one event loop."""

    def __init__(self, seconds: float, secrets: Callable[[], tuple[str, ...]]) -> None:
        self.seconds = seconds
        self.link: Link | None = None
        self.has_ended = False
        self.failed: Exception | None = None
        self._secrets = secrets
        self._sending = asyncio.Lock()
        self._connected = asyncio.Event()
        self._ids = count(1)
        self._pending: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._feeds: dict[int, Feed] = {}

    async def opened(self, link: Link) -> None:
        """From now on commands go over `link`."""
        self._ids = count(1)
        # Several messages in one are cheaper for both; older ones do not know it, and their answer says so to nobody.
        await link.send({"id": next(self._ids), "type": "supported_features", "features": {"coalesce_messages": 1}})
        self._feeds.clear()
        self.link = link
        self._connected.set()

    def lost(self) -> None:
        """The connection is gone: what waits for an answer has none."""
        self._connected.clear()
        self.link = None
        for answer in self._pending.values():
            if not answer.done():
                call = FailedCall(SYSTEM, "WEBSOCKET", tries=1, may_have_happened=True)
                answer.set_exception(
                    ConnectionFailed(f"{SYSTEM}: the connection was lost before an answer came", call=call)
                )

    def end(self, failed: Exception | None) -> None:
        """There will be no connection any more, because of `failed`."""
        self.has_ended, self.failed = True, failed
        self.lost()
        self._connected.set()

    async def run(self, kind: str, fields: Mapping[str, Any], feed: Feed | None = None) -> Any:
        """The result of a command; what it subscribes to goes to `feed`. Raises `IntegrationError`."""
        number = 0
        try:
            async with asyncio.timeout(self.seconds):
                await self._connected.wait()
                async with self._sending:
                    if self.has_ended or self.link is None:
                        raise self.failed or ConnectionFailed(f"{SYSTEM}: not sent: there is no connection now")
                    number, answer = next(self._ids), asyncio.get_running_loop().create_future()
                    # Whoever waits for it may be gone: sending it failed.
                    answer.add_done_callback(lambda done: done.cancelled() or done.exception())
                    self._pending[number] = answer
                    if feed is not None:
                        self._feeds[number], feed.number = feed, number
                    await self.link.send({"id": number, "type": kind, **fields})
                message = await answer
        except TimeoutError as error:
            raise out_of_time(kind) from error
        finally:
            self._pending.pop(number, None)
        try:
            return result_of(kind, message)
        except IntegrationError as error:
            strip(error, self._secrets())
            raise

    def take(self, message: Any) -> None:
        """A message came."""
        if not isinstance(message, dict):
            return
        number, kind = message.get("id"), message.get("type")
        if kind == "event" and number in self._feeds:
            self._feeds[number].put(message.get("event"))
        elif number in self._pending and not self._pending[number].done():
            self._pending[number].set_result(message)

    async def forget(self, feed: Feed) -> None:
        """Unsubscribe, where `feed` is subscribed."""
        number, feed.number = feed.number, None
        if number is not None and self._feeds.get(number) is feed:
            del self._feeds[number]
            try:
                await self.run("unsubscribe_events", {"subscription": number})
            except IntegrationError:
                return  # it is gone with its connection, or was never there


def out_of_time(kind: str) -> DeadlineExceeded:
    """The command `kind` got no answer; Home Assistant may have carried it out."""
    call = FailedCall(SYSTEM, "WEBSOCKET", kind, tries=1, may_have_happened=True)
    return DeadlineExceeded(f"{SYSTEM}: no answer to {kind} in time", call=call)
