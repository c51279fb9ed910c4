"""A client for Home Assistant's WebSocket API: https://developers.home-assistant.io/docs/api/websocket.

    async with HomeAssistantSocket("https://home.example.com", token) as home:
        async for item in home.entities():
            ...

Connections follow each other by `clients.websocket`. On each one: log in, wait until Home Assistant has started (before
that, triggers stay silent), subscribe to everything anew. Without an event loop: `LoopThread` of `websocket.blocking`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

from gateway.clients.auth.base import one_line
from gateway.clients.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    ConnectionFailed,
    DeadlineExceeded,
    FailedCall,
    IntegrationError,
    ProtocolFault,
    RemoteNotFound,
    RequestRefused,
    ResponseInvalid,
    Unavailable,
)
from gateway.clients.judging import excerpt
from gateway.clients.stripping import strip
from gateway.clients.systems.home_assistant_feeds import EntityReader, EventReader, Feed, Reader, TriggerReader
from gateway.clients.systems.home_assistant_values import ServiceOutcome, State, context_in, mapping, sequence, state_in
from gateway.clients.websocket.client import WebSocketClient
from gateway.clients.websocket.link import Link, documents
from gateway.clients.websocket.observer import SocketLogLines, SocketObserver

SYSTEM: Final = "home_assistant"
COMMAND_SECONDS: Final = 10.0
MAX_WAITING_ITEMS: Final = 4096
# The states of a big home come in one message.
MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024

_MEANINGS: Final[dict[str, type[IntegrationError]]] = {
    "id_reuse": ProtocolFault,
    "invalid_format": RequestRefused,
    "not_allowed": AuthorizationFailed,
    "not_found": RemoteNotFound,
    "not_supported": RequestRefused,
    "home_assistant_error": Unavailable,
    "service_validation_error": RequestRefused,
    "unknown_command": RequestRefused,
    "unknown_error": Unavailable,
    "unauthorized": AuthorizationFailed,
    "timeout": DeadlineExceeded,
    "template_error": RequestRefused,
}


class HomeAssistantSocket:
    """One installation. For one event loop, any number of tasks.

    `base_url` is where its pages are; `http://` needs `allow_http`. A command has `command_seconds`, also to wait for a
    connection. Of what a feed holds, `max_waiting` items wait. `options` are those of `WebSocketClient`.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
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
        given: dict[str, Any] = {"system": SYSTEM, "max_bytes": MAX_MESSAGE_BYTES}
        self._client = WebSocketClient(
            f"{'wss' if scheme == 'https' else 'ws'}://{rest}/api/websocket",
            on_open=self._greet,
            decode=documents,
            allow_plain=allow_http,
            observer=_Watching(self, observer or SocketLogLines()),
            **given | options,
        )
        self._token = one_line(token, "the token")
        self._command_seconds = command_seconds
        self._max_waiting = max_waiting
        self._sending = asyncio.Lock()
        self._subscribing = asyncio.Lock()
        self._connected = asyncio.Event()
        self._link: Link | None = None
        self._ids = count(1)
        self._pending: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._by_number: dict[int, Feed] = {}
        self._feeds: list[Feed] = []
        self._is_running = False
        self._has_ended = False
        self._failed: Exception | None = None
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
        return await self._command(kind, None, fields)

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
        """What a Jinja template comes to now. Raises `RequestRefused`."""
        feed = self._feed("render_template", {"template": template, "variables": dict(variables or {})}, _Rendered())
        try:
            async with asyncio.timeout(self._command_seconds):
                await self._subscribe(feed)
                return str(await anext(feed))
        except TimeoutError as error:
            raise _out_of_time("render_template") from error
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
        if self._has_ended:
            feed.end(self._failed)
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
        link = self._link
        await self._forget(feed)
        feed.begin()
        try:
            await self._command(feed.kind, feed, feed.fields)
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
        await self._forget(feed)

    async def _forget(self, feed: Feed) -> None:
        number, feed.number = feed.number, None
        if number is not None and self._by_number.get(number) is feed:
            del self._by_number[number]
            try:
                await self.command("unsubscribe_events", subscription=number)
            except IntegrationError:
                return  # it is gone with its connection, or was never there

    async def _command(self, kind: str, feed: Feed | None, fields: Mapping[str, Any]) -> Any:
        number = 0
        try:
            async with asyncio.timeout(self._command_seconds):
                await self._connected.wait()
                # Ids have to rise in the order of sending.
                async with self._sending:
                    if self._has_ended or self._link is None:
                        raise self._failed or ConnectionFailed(f"{SYSTEM}: not sent: there is no connection now")
                    number, answer = next(self._ids), asyncio.get_running_loop().create_future()
                    self._pending[number] = answer
                    if feed is not None:
                        self._by_number[number], feed.number = feed, number
                    await self._link.send({"id": number, "type": kind, **fields})
                message = await answer
        except TimeoutError as error:
            raise _out_of_time(kind) from error
        finally:
            self._pending.pop(number, None)
        return self._result(kind, message)

    def _result(self, kind: str, message: Mapping[str, Any]) -> Any:
        if message.get("type") == "pong" or message.get("success") is True:
            return message.get("result")
        fault = message.get("error")
        entry = fault if isinstance(fault, dict) else {}
        code, said = str(entry.get("code")), excerpt(str(entry.get("message", "")))
        meaning = _MEANINGS.get(code, RequestRefused)
        happened = meaning in {Unavailable, DeadlineExceeded}
        call = FailedCall(
            SYSTEM, "WEBSOCKET", kind, vendor_code=code, excerpt=said, tries=1, may_have_happened=happened
        )
        error = meaning(f"{SYSTEM}: {kind} failed ({code}): {said}", call=call)
        strip(error, (self._token,))
        raise error

    async def _greet(self, link: Link) -> None:
        """Log in; Home Assistant waits 10 seconds for it."""
        hello = mapping(await link.receive(), "a greeting")
        if hello.get("type") != "auth_required":
            raise ProtocolFault(f"{SYSTEM}: what answers here does not greet as Home Assistant does")
        await link.send({"type": "auth", "access_token": self._token})
        answer = mapping(await link.receive(), "an answer to the login")
        if answer.get("type") != "auth_ok":
            said = excerpt(str(answer.get("message", "")))
            error = AuthenticationFailed(
                f"{SYSTEM}: the access token is not taken: {said}",
                call=FailedCall(SYSTEM, "WEBSOCKET", "auth", excerpt=said),
            )
            strip(error, (self._token,))
            raise error
        self._ids = count(1)
        # Several messages in one are cheaper for both; older ones do not know it, and their answer says so to nobody.
        await link.send({"id": next(self._ids), "type": "supported_features", "features": {"coalesce_messages": 1}})
        self._by_number.clear()
        self._link = link
        self._connected.set()
        self._settling = asyncio.create_task(self._settle(link))

    async def _settle(self, link: Link) -> None:
        """On a new connection: wait until it has started, then subscribe to everything."""
        try:
            if not await self._has_started():
                watched = self._feed("subscribe_events", {"event_type": "homeassistant_started"}, EventReader())
                await self._command(watched.kind, watched, watched.fields)
                # It may have started between the two.
                if not await self._has_started():
                    await anext(watched)
                await self._forget(watched)
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
                self._take(message)
        except Exception as error:  # it is raised by every feed and command
            failed = error
        finally:
            self._has_ended, self._failed = True, failed
            self.lost()
            self._connected.set()
            for feed in self._feeds:
                feed.end(failed)

    def _take(self, message: Any) -> None:
        if not isinstance(message, dict):
            return
        number, kind = message.get("id"), message.get("type")
        if kind == "event" and number in self._by_number:
            feed = self._by_number[number]
            try:
                feed.put(message.get("event"))
            except (ResponseInvalid, AttributeError, TypeError) as error:
                feed.end(error if isinstance(error, ResponseInvalid) else ResponseInvalid(f"{SYSTEM}: no such event"))
        elif number in self._pending and not self._pending[number].done():
            self._pending[number].set_result(message)

    def lost(self) -> None:
        """The connection is gone: what waits for an answer has none."""
        self._connected.clear()
        self._link, self._is_running = None, False
        if self._settling is not None:
            self._settling.cancel()
        for answer in self._pending.values():
            if not answer.done():
                call = FailedCall(SYSTEM, "WEBSOCKET", tries=1, may_have_happened=True)
                answer.set_exception(
                    ConnectionFailed(f"{SYSTEM}: the connection was lost before an answer came", call=call)
                )


class _Rendered:
    """What a template comes to."""

    def begin(self, number: int) -> list[Any]:
        return []

    def read(self, event: Any) -> list[Any]:
        return [mapping(event, "a rendered template").get("result")]


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


def _out_of_time(kind: str) -> DeadlineExceeded:
    call = FailedCall(SYSTEM, "WEBSOCKET", kind, tries=1, may_have_happened=True)
    return DeadlineExceeded(f"{SYSTEM}: no answer to {kind} in time", call=call)
