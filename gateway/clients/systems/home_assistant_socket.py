"""A client for Home Assistant's WebSocket API: https://developers.home-assistant.io/docs/api/websocket.

    async with HomeAssistantSocket("https://home.example.com", token) as home:
        async for item in home.entities():
            ...

Connections follow each other by `clients.websocket`. On each one: log in, wait until Home Assistant has started (before
that, triggers stay silent), subscribe to everything anew. Without an event loop: `loop_thread.LoopThread`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.clients.auth.base import Auth, TokenSource, bearer
from gateway.clients.errors import ConnectionFailed, DeadlineExceeded, IntegrationError
from gateway.clients.systems.home_assistant_commands import Commands, out_of_time
from gateway.clients.systems.home_assistant_feeds import (
    EntityReader,
    EventReader,
    Feed,
    Reader,
    RenderedReader,
    TriggerReader,
)
from gateway.clients.systems.home_assistant_login import SocketLogin
from gateway.clients.systems.home_assistant_values import (
    SYSTEM,
    ServiceOutcome,
    State,
    context_in,
    mapping,
    sequence,
    state_in,
)
from gateway.clients.websocket.client import WebSocketClient
from gateway.clients.websocket.link import Link, documents
from gateway.clients.websocket.observer import SocketLogLines, SocketObserver

COMMAND_SECONDS: Final = 10.0
MAX_WAITING_ITEMS: Final = 4096
# The states of a big home come in one message.
MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024


class HomeAssistantSocket:
    """One installation. For one event loop, any number of tasks.

    `base_url` is where its pages are; `http://` needs `allow_http`. `token` is a long-lived access token, what gives
    tokens, or the `Auth` that `HomeAssistant` has: what is refused is renewed once. A command has `command_seconds`,
    also to wait for a connection. Of what a feed holds, `max_waiting` items wait. `options` are those of
    `WebSocketClient`.
    """

    def __init__(
        self,
        base_url: str,
        token: str | TokenSource | Auth,
        *,
        allow_http: bool = False,
        command_seconds: float = COMMAND_SECONDS,
        max_waiting: int = MAX_WAITING_ITEMS,
        observer: SocketObserver | None = None,
        **options: Any,
    ) -> None:
        scheme, _, rest = base_url.rstrip("/").partition("://")
        if scheme not in {"http", "https"}:
            raise ValueError("the base URL begins with https:// or http://")
        self._login = SocketLogin(bearer(token), base_url)
        self._commands = Commands(command_seconds, self._login.secrets)
        given: dict[str, Any] = {"system": SYSTEM, "max_bytes": MAX_MESSAGE_BYTES}
        self._client = WebSocketClient(
            f"{'wss' if scheme == 'https' else 'ws'}://{rest}/api/websocket",
            on_open=self._open,
            renew=self._login.renew,
            decode=documents,
            allow_plain=allow_http,
            observer=_Watching(self, observer or SocketLogLines()),
            **given | options,
        )
        self._max_waiting = max_waiting
        self._subscribing = asyncio.Lock()
        self._feeds: list[Feed] = []
        self._is_running = False
        self._reading: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[None] | None = None

    async def __aenter__(self) -> HomeAssistantSocket:
        await self._client.__aenter__()
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every feed and command."""
        await self._client.close()
        # It may be in a pause before the next connection.
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def command(self, kind: str, **fields: Any) -> Any:
        """The result of any command. Raises `IntegrationError`; a connection that is lost meanwhile is
        `ConnectionFailed`, and the command may have been carried out.
        """
        return await self._commands.run(kind, fields)

    async def ping(self) -> None:
        """Raises `IntegrationError` unless it answers."""
        await self.command("ping")

    async def config(self) -> Mapping[str, Any]:
        """As `HomeAssistant.config`."""
        return mapping(await self.command("get_config"), "the configuration")

    async def states(self) -> list[State]:
        """All entities as they are now."""
        return [state_in(one) for one in sequence(await self.command("get_states"), "states")]

    async def services(self) -> Mapping[str, Any]:
        """The services by domain and name."""
        return mapping(await self.command("get_services"), "services")

    async def registry(self, name: str) -> Sequence[Mapping[str, Any]]:
        """The entries of the registry `entity`, `device`, `area`, `floor` or `label`.

        `entity_id` changes when a user renames it; an entry's `id` does not. Child devices have few fields.
        """
        return sequence(await self.command(f"config/{name}_registry/list"), "entries")

    async def call_service(
        self,
        domain: str,
        service: str,
        data: Mapping[str, Any] | None = None,
        *,
        target: Mapping[str, Any] | None = None,
        wants_response: bool = False,
    ) -> ServiceOutcome:
        """As `HomeAssistant.call_service`; `context` tells which events are its echo."""
        fields: dict[str, Any] = {"domain": domain, "service": service}
        if data:
            fields["service_data"] = dict(data)
        if target:
            fields["target"] = dict(target)
        if wants_response:
            fields["return_response"] = True
        result = mapping(await self.command("call_service", **fields), "a result")
        return ServiceOutcome(response=result.get("response"), context=context_in(result.get("context")))

    async def render_template(self, template: str, variables: Mapping[str, Any] | None = None) -> str:
        """What a Jinja template comes to now, a list or number as Home Assistant understands it. From 2023.9 on.

        Raises `RequestRefused` with what is wrong in it.
        """
        # Without `report_errors` nothing comes of a template that fails.
        fields = {"template": template, "variables": dict(variables or {}), "report_errors": True}
        feed = self._feed("render_template", fields, RenderedReader())
        try:
            async with asyncio.timeout(self._commands.seconds):
                await self._subscribe(feed)
                return str(await anext(feed))
        except TimeoutError as error:
            raise out_of_time("render_template") from error
        finally:
            await feed.close()

    def entities(self, entity_ids: Sequence[str] = ()) -> Feed:
        """`Snapshot` first, and again after each loss; then `Changed` and `Removed`, without a gap between."""
        return self._opened(
            "subscribe_entities", {"entity_ids": list(entity_ids)} if entity_ids else {}, EntityReader()
        )

    def events(self, event_type: str | None = None) -> Feed:
        """`Event`s, of one type or all; `Gap` where some may be missing."""
        return self._opened("subscribe_events", {"event_type": event_type} if event_type else {}, EventReader())

    def triggers(self, trigger: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Feed:
        """`Fired` whenever a trigger, written as in an automation, fires; `Gap` as with events. For administrators."""
        return self._opened("subscribe_trigger", {"trigger": trigger}, TriggerReader())

    def _opened(self, kind: str, fields: Mapping[str, Any], reader: Reader) -> Feed:
        feed = self._feed(kind, fields, reader)
        if self._commands.has_ended:
            feed.end(self._commands.failed)
        self._feeds.append(feed)
        # Subscribed when it is first waited on; while Home Assistant starts, once it has.
        feed.is_behind = self._is_running
        return feed

    def _feed(self, kind: str, fields: Mapping[str, Any], reader: Reader) -> Feed:
        return Feed(
            kind,
            fields,
            reader,
            max_waiting=self._max_waiting,
            catch_up=self._catch_up,
            unsubscribe=self._unsubscribe,
        )

    async def _catch_up(self, feed: Feed) -> None:
        """Subscribe to what is behind, once; while there is no Home Assistant that runs, it comes later."""
        async with self._subscribing:
            if feed.is_behind and self._is_running:
                await self._subscribe(feed)

    async def _subscribe(self, feed: Feed) -> None:
        """Subscribe, or subscribe anew. What Home Assistant does not want is the feed's to raise."""
        link = self._commands.link
        await self._commands.forget(feed)
        feed.begin()
        try:
            await self._commands.run(feed.kind, feed.fields, feed)
        except (ConnectionFailed, DeadlineExceeded):
            # The next connection subscribes to everything.
            if link is not None:
                link.abort()
        except IntegrationError as error:
            feed.end(error)
        except BaseException:
            feed.is_behind = True
            raise

    async def _unsubscribe(self, feed: Feed) -> None:
        if feed in self._feeds:
            self._feeds.remove(feed)
        await self._commands.forget(feed)

    async def _open(self, link: Link) -> None:
        """Make a connection ready."""
        await self._login.log_in(link)
        await self._commands.opened(link)
        self._settling = asyncio.create_task(self._settle(link))

    async def _settle(self, link: Link) -> None:
        """On a new connection: wait until it has started, then subscribe to everything."""
        try:
            if not await self._has_started():
                watched = self._feed("subscribe_events", {"event_type": "homeassistant_started"}, EventReader())
                await self._commands.run(watched.kind, watched.fields, watched)
                # It may have started between the two.
                if not await self._has_started():
                    await anext(watched)
                await self._commands.forget(watched)
            self._is_running = True
            for feed in tuple(self._feeds):
                feed.is_behind = True
            for feed in tuple(self._feeds):
                await self._catch_up(feed)
        except IntegrationError:
            link.abort()

    async def _has_started(self) -> bool:
        return bool((await self.config()).get("state", "RUNNING") == "RUNNING")

    async def _read(self) -> None:
        failed: Exception | None = None
        try:
            async for message in self._client:
                self._commands.take(message)
        except Exception as error:  # it is raised by every feed and command
            failed = error
        finally:
            self.lost()
            self._commands.end(failed)
            for feed in self._feeds:
                feed.end(failed)

    def lost(self) -> None:
        """The connection is gone."""
        self._is_running = False
        if self._settling is not None:
            self._settling.cancel()
        self._commands.lost()


class _Watching:
    """Tells the socket of a lost connection, and the observer of everything."""

    def __init__(self, home: HomeAssistantSocket, observer: SocketObserver) -> None:
        self._home = home
        self._observer = observer
        self.opened = observer.opened
        self.malformed = observer.malformed

    def lost(self, system: str, error: IntegrationError, pause_seconds: float | None) -> None:
        self._home.lost()
        self._observer.lost(system, error, pause_seconds)
