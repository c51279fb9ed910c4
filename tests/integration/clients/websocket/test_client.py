"""The WebSocket client against a real server on loopback: what is lost, refused, malformed, too much."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from gateway.clients.auth.base import Bearer, TokenAuth
from gateway.clients.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    DeadlineExceeded,
    IntegrationError,
    ProtocolFault,
    ResponseTooLarge,
    Unavailable,
)
from gateway.clients.retries import RetryPolicy
from gateway.clients.websocket.blocking import BlockingWebSocket
from gateway.clients.websocket.client import WebSocketClient
from gateway.clients.websocket.link import Link, documents
from gateway.clock import FakeClock
from gateway.errors import AddressForbidden
from gateway.outgoing.resolver import StaticResolver
from gateway.security.ssrf import AddressPolicy
from tests.integration.clients.conftest import LOOPBACK
from tests.integration.clients.test_calls import Renewing
from tests.integration.outgoing.conftest import TLS_HOST, make_certificate
from tests.services.websocket_server import cut, websocket_server, websocket_server_in_a_thread
from tests.unit.clients.conftest import TOKEN


@dataclass
class Told:
    """What an observer is told."""

    opened_numbers: list[int] = field(default_factory=list)
    losses: list[tuple[str, float | None]] = field(default_factory=list)
    malformed_frames: list[tuple[int, str]] = field(default_factory=list)

    def opened(self, system: str, number: int) -> None:
        self.opened_numbers.append(number)

    def lost(self, system: str, error: IntegrationError, pause_seconds: float | None) -> None:
        self.losses.append((error.code, pause_seconds))

    def malformed(self, system: str, size_bytes: int, reason: str) -> None:
        self.malformed_frames.append((size_bytes, reason))


async def at_once(seconds: float) -> None:
    await asyncio.sleep(0)


def make(url: str, **options: Any) -> WebSocketClient:
    given: dict[str, Any] = {"policy": LOOPBACK, "allow_plain": True, "sleep": at_once, "random": lambda: 1.0}
    return WebSocketClient(url, **given | {"observer": Told(), "system": "acme"} | options)


async def several(client: WebSocketClient, count: int) -> list[Any]:
    return [await anext(client) for _ in range(count)]


def run(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await work

    asyncio.run(bounded())


def says(*messages: str | bytes) -> Callable[[ServerConnection, int], Awaitable[None]]:
    async def behave(connection: ServerConnection, number: int) -> None:
        for message in messages:
            await connection.send(message)
        await connection.wait_closed()

    return behave


def test_nothing_is_lost_over_cut_connections_that_are_taken_up_again() -> None:
    total, told, got = 100, Told(), []

    async def behave(connection: ServerConnection, number: int) -> None:
        after = json.loads(await connection.recv())["after"]
        for n in range(after + 1, min(after + 17, total + 1)):
            await connection.send(json.dumps({"n": n}))
        if after + 16 < total:
            cut(connection)
        await connection.wait_closed()

    async def resume(link: Link) -> None:
        await link.send({"after": got[-1] if got else 0})

    async def work() -> None:
        async with websocket_server(behave) as url, make(url, on_open=resume, observer=told) as client:
            while len(got) < total:
                got.append((await anext(client))["n"])

    run(work())

    assert got == list(range(1, total + 1))
    assert told.opened_numbers == list(range(1, len(told.opened_numbers) + 1))
    assert len(told.opened_numbers) >= total // 16
    assert {code for code, _ in told.losses} == {"connection_failed"}


def test_pauses_grow_and_begin_anew_when_a_connection_held() -> None:
    told, clock = Told(), FakeClock()

    async def behave(connection: ServerConnection, number: int) -> None:
        await connection.send("1")
        await connection.close(1012, "restart")

    async def work() -> None:
        async with (
            websocket_server(behave) as url,
            make(url, observer=told, clock=clock, reconnect=RetryPolicy(first_pause_seconds=1, max_tries=9)) as client,
        ):
            await several(client, 4)
            clock.advance(11)
            await several(client, 1)

    run(work())

    assert told.losses == [("connection_failed", pause) for pause in (1.0, 2.0, 4.0, 1.0)]


def test_it_is_given_up_after_so_many_tries() -> None:
    told = Told()

    async def behave(connection: ServerConnection, number: int) -> None:
        await connection.close(1013, "later")

    async def work() -> None:
        async with (
            websocket_server(behave) as url,
            make(url, observer=told, reconnect=RetryPolicy(max_tries=3)) as client,
        ):
            with pytest.raises(ConnectionFailed, match=r"acme: the system closed .*1013.*later") as caught:
                await anext(client)
            assert caught.value.call.vendor_code == "1013"
            assert caught.value.retryable

    run(work())

    assert [pause is None for _, pause in told.losses] == [False, False, True]


def test_malformed_messages_are_reported_and_survived() -> None:
    told = Told()
    behave = says('{"n": 1', b"\xff\xfe", "[1, 2]", "", "[]", "3")

    async def work() -> None:
        async with websocket_server(behave) as url, make(url, observer=told, decode=documents) as client:
            assert await several(client, 3) == [1, 2, 3]

    run(work())

    assert [size for size, _ in told.malformed_frames] == [7, 2, 0]
    assert told.opened_numbers == [1]


def test_what_is_no_frame_costs_the_connection_only() -> None:
    told = Told()

    async def behave(connection: ServerConnection, number: int) -> None:
        if number == 1:
            connection.transport.write(b"\xf3\x05hello")  # reserved bits, an opcode that there is not
        else:
            await connection.send("2")
        await connection.wait_closed()

    async def work() -> None:
        async with websocket_server(behave) as url, make(url, observer=told) as client:
            assert await anext(client) == 2

    run(work())

    assert [code for code, _ in told.losses] == ["connection_failed"]


def test_a_message_that_is_too_large_ends_it() -> None:
    async def work() -> None:
        async with websocket_server(says(json.dumps("x" * 2000))) as url, make(url, max_bytes=1000) as client:
            with pytest.raises(ResponseTooLarge, match="1000 bytes"):
                await anext(client)

    run(work())


def test_what_nobody_reads_stays_with_the_system() -> None:
    sent = 0
    message = json.dumps("x" * 100_000)

    async def behave(connection: ServerConnection, number: int) -> None:
        nonlocal sent
        for _ in range(300):
            await connection.send(message)
            sent += 1
        await connection.wait_closed()

    async def work() -> None:
        async with websocket_server(behave, compression=None) as url, make(url, max_waiting=4) as client:
            await anext(client)
            before = -1
            while before != sent:  # until the server gets no further
                before = sent
                await asyncio.sleep(0.02)
            assert sent < 200
            assert len(await several(client, 299)) == 299

    run(work())
    assert sent == 300


def test_messages_go_to_the_handlers_of_their_kinds() -> None:
    seen: list[Any] = []

    async def work() -> None:
        behave = says('{"type": "entity_update", "id": 1}', '{"type": "status_change"}', '{"type": "other"}', "5")
        async with websocket_server(behave) as url, make(url) as client:

            async def updated(message: Any) -> None:
                seen.append(("updated", message["id"]))

            async def unknown(message: Any) -> None:
                seen.append(message)
                if message == 5:
                    await client.close()

            handlers = {"entity_update": updated, "status_change": lambda message: seen.append("changed")}
            await client.dispatch(handlers, otherwise=unknown)

    run(work())

    assert seen == [("updated", 1), "changed", {"type": "other"}, 5]


def test_a_silent_system_is_noticed_by_the_heartbeat() -> None:
    told = Told()

    async def behave(connection: ServerConnection, number: int) -> None:
        if number == 1:
            connection.transport.pause_reading()
        await connection.send(str(number))
        await connection.wait_closed()

    quick = {"heartbeat_seconds": 0.05, "close_seconds": 0.05}

    async def work() -> None:
        async with websocket_server(behave) as url, make(url, observer=told, **quick) as client:
            assert await several(client, 2) == [1, 2]

    run(work())
    assert [code for code, _ in told.losses] == ["connection_failed"]


@asynccontextmanager
async def answers(status: HTTPStatus, body: str = "", **headers: str) -> AsyncIterator[tuple[str, list[Request]]]:
    heard: list[Request] = []

    def process(connection: ServerConnection, request: Request) -> Response:
        heard.append(request)
        response = connection.respond(status, body)
        for name, value in headers.items():
            response.headers[name] = value
        return response

    async with websocket_server(says(), process_request=process) as url:
        yield url, heard


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (HTTPStatus.UNAUTHORIZED, {}, AuthenticationFailed),
        (HTTPStatus.OK, {}, ProtocolFault),
        (HTTPStatus.FOUND, {"Location": f"wss://elsewhere.example/?token={TOKEN}"}, ProtocolFault),
        (HTTPStatus.SERVICE_UNAVAILABLE, {}, Unavailable),
    ],
)
def test_handshakes_that_are_refused(
    status: HTTPStatus, headers: dict[str, str], kind: type[IntegrationError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def work() -> None:
        async with answers(status, f"not with {TOKEN}", **headers) as (url, heard):
            with pytest.raises(kind) as caught:
                await make(url, auth=Bearer(TOKEN)).__aenter__()
            assert heard[0].headers["Authorization"] == f"Bearer {TOKEN}"
            assert len(heard) == 1
            assert caught.value.call.status == status
            assert TOKEN not in f"{caught.value}{caught.value.call}"

    run(work())
    ours = [record for record in caplog.records if record.name != "websockets.server"]
    assert TOKEN not in "".join(record.getMessage() for record in ours)


def test_a_token_that_is_refused_is_renewed_once() -> None:
    heard: list[str] = []

    def process(connection: ServerConnection, request: Request) -> Response | None:
        heard.append(request.headers["Authorization"])
        return connection.respond(HTTPStatus.UNAUTHORIZED, "") if heard[-1] == "Bearer old" else None

    async def work() -> None:
        async with (
            websocket_server(says("1"), process_request=process) as url,
            make(url, auth=TokenAuth(Renewing())) as client,
        ):
            assert await anext(client) == 1

    run(work())
    assert heard == ["Bearer old", "Bearer new"]


def test_a_system_that_swallows_everything_has_a_deadline() -> None:
    async def work() -> None:
        held = []

        async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            held.append(writer)

        server = await asyncio.start_server(swallow, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(DeadlineExceeded, match="in time"):
            await make(f"ws://127.0.0.1:{port}", connect_seconds=0.05).__aenter__()
        assert len(held) == 1
        held[0].close()
        server.close()

        # Nothing listens there now.
        with pytest.raises(ConnectionFailed, match="refused"):
            await make(f"ws://127.0.0.1:{port}").__aenter__()

    run(work())


def test_what_makes_it_ready_is_part_of_connecting() -> None:
    async def waits_for_ever(link: Link) -> None:
        await link.receive()

    async def work() -> None:
        async with websocket_server(says()) as url:
            with pytest.raises(DeadlineExceeded):
                await make(url, on_open=waits_for_ever, connect_seconds=0.05).__aenter__()

    run(work())


def test_only_judged_addresses_are_connected_to() -> None:
    connected = 0

    async def behave(connection: ServerConnection, number: int) -> None:
        nonlocal connected
        connected = number
        await connection.send(json.dumps(connection.request.headers["Host"] if connection.request else ""))

    async def work() -> None:
        async with websocket_server(behave) as url:
            public_only = AddressPolicy(allow_private=False)
            named = url.replace("127.0.0.1", "hub.example")
            rebinding = StaticResolver({"hub.example": [["127.0.0.1"], ["10.0.0.1"]]})
            for target in (url, named, url.replace("127.0.0.1", "2130706433")):
                with pytest.raises(AddressForbidden):
                    await make(target, policy=public_only, resolver=rebinding).__aenter__()
            assert connected == 0

            pinned = StaticResolver({"hub.example": [["127.0.0.1"]]})
            async with make(named, resolver=pinned) as client:
                assert (await anext(client)).startswith("hub.example:")
            with pytest.raises(ConnectionFailed, match="resolve"):
                await make("ws://nowhere.example", resolver=pinned).__aenter__()

    run(work())


def test_tls_asks_for_the_name_and_verifies_it(tmp_path: Path) -> None:
    pem = make_certificate(tmp_path / "server.pem")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem)
    trusting = ssl.create_default_context(cafile=str(pem))
    resolver = StaticResolver({TLS_HOST: [["127.0.0.1"]], "other.example": [["127.0.0.1"]]})

    async def work() -> None:
        async with websocket_server(says("1"), tls=serving) as url:
            target = url.replace("127.0.0.1", TLS_HOST)
            async with make(target, resolver=resolver, ssl_context=trusting) as client:
                assert await anext(client) == 1
            for wrong in (
                make(target, resolver=resolver, ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
                make(url.replace("127.0.0.1", "other.example"), resolver=resolver, ssl_context=trusting),
            ):
                with pytest.raises(ConnectionFailed, match="not trusted"):
                    await wrong.__aenter__()

    run(work())


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("https://a.example", "wss://"),
        ("ws://a.example", "reads along"),
        ("wss://user:pass@a.example", "credentials"),
        ("wss://a.example/?token=abc", "query"),
    ],
)
def test_urls_that_cannot_work_are_refused_at_once(url: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        WebSocketClient(url)


def test_sending_without_a_connection_is_said() -> None:
    async def work() -> None:
        client = make("ws://127.0.0.1:9")
        with pytest.raises(ConnectionFailed, match="not sent"):
            await client.send({"a": 1})
        await client.close()

    run(work())


def test_the_blocking_twin() -> None:
    total, size = 2000, 50

    async def behave(connection: ServerConnection, number: int) -> None:
        assert json.loads(await connection.recv()) == {"hello": 1}
        for n in range(total):
            await connection.send(str(n))
        await connection.close(1000, "done")

    def done(code: int | None, reason: str) -> IntegrationError | None:
        return AuthenticationFailed("done") if code == 1000 else None

    with (
        websocket_server_in_a_thread(behave) as url,
        BlockingWebSocket(make(url, judge_close=done)) as socket,
    ):
        socket.send({"hello": 1})
        got = []
        for message in socket:
            got.append(message)
            if len(got) == size:
                break
        with pytest.raises(AuthenticationFailed, match="done"):
            got.extend(socket)

    assert got == list(range(total))


def test_the_blocking_twin_raises_when_it_cannot_connect() -> None:
    with pytest.raises(ConnectionFailed), BlockingWebSocket(make("ws://127.0.0.1:9")):
        pass
