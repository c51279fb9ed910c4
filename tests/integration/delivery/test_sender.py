"""One request to endpoints that behave, and to those that do everything wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gateway.clock import Clock, FakeClock, SystemClock
from gateway.delivery.decisions.policy import AttemptResult, Outcome
from gateway.delivery.sending.request import OutgoingRequest
from gateway.delivery.sending.sender import Sender
from gateway.outgoing.caps import DELIVERY_MAX_BYTES
from gateway.outgoing.resolver import Resolver, StaticResolver
from gateway.security.ssrf import AddressPolicy

from .sinks import Sink, dripping, huge, never, status


@asynccontextmanager
async def opened(
    resolver: Resolver | None = None, *, allow_private: bool = True, clock: Clock | None = None
) -> AsyncIterator[Sender]:
    sender = Sender(
        clock=clock or SystemClock(),
        resolver=resolver or StaticResolver({}),
        policy=AddressPolicy(allow_private=allow_private),
    )
    try:
        yield sender
    finally:
        await sender.close()


async def post(
    url: str, *, sender: Sender | None = None, timeout_seconds: float = 5.0, body: bytes = b"{}", **headers: str
) -> AttemptResult:
    request = OutgoingRequest(url, list(headers.items()), body)
    if sender is not None:
        return await sender.send(request, timeout_seconds=timeout_seconds)
    async with opened() as own:
        return await own.send(request, timeout_seconds=timeout_seconds)


def run(sink: Sink, **options: object) -> AttemptResult:
    async def go() -> AttemptResult:
        async with sink.running():
            return await post(sink.url, **options)  # type: ignore[arg-type]

    return asyncio.run(go())


def test_an_answer_is_taken_in() -> None:
    sink = Sink()
    result = run(sink, body=b"\x00\xff", name="value")
    assert (result.outcome, result.status, result.excerpt, result.error) == (Outcome.DELIVERED, 200, "ok", None)
    (received,) = sink.received
    assert (received.body, received.header("name"), received.header("content-length")) == (b"\x00\xff", "value", "2")
    assert received.header("content-type") is None


def test_headers_arrive_byte_for_byte() -> None:
    sink = Sink()
    run(sink, name="Zoë ✓")
    assert sink.received[0].header("name") == "Zoë ✓"


def test_a_redirect_is_a_failure_and_not_followed() -> None:
    sink = Sink(status(302, Location="/elsewhere"))
    result = run(sink)
    assert (result.outcome, result.status) == (Outcome.REDIRECT, 302)
    assert [received.path for received in sink.received] == ["/hook"]


def test_retry_after_is_read() -> None:
    result = run(Sink(status(429, Retry_After="7")))
    assert (result.outcome, result.retry_after_seconds) == (Outcome.HTTP_4XX, 7)


def test_cookies_are_not_kept() -> None:
    sink = Sink(status(200, Set_Cookie="a=b; Path=/"))

    async def go() -> None:
        async with sink.running(), opened() as sender:
            await post(sink.url, sender=sender)
            await post(sink.url, sender=sender)

    asyncio.run(go())
    assert sink.received[1].header("cookie") is None


def test_ten_megabytes_are_not_taken_in() -> None:
    result = run(Sink(huge))
    assert (result.outcome, result.status) == (Outcome.RESPONSE_TOO_LARGE, 200)
    assert str(DELIVERY_MAX_BYTES) in (result.error or "")
    assert len(result.excerpt or "") <= 1024


@pytest.mark.parametrize("answer", [never, dripping])
def test_the_deadline_holds_whatever_the_endpoint_does(answer: object) -> None:
    result = run(Sink(answer), timeout_seconds=0.3)  # type: ignore[arg-type]
    assert result.outcome is Outcome.TIMEOUT
    assert 290 <= result.duration_ms < 2000


class StandingStill(FakeClock):
    """The clock of a process that gets no time for a minute, between each two looks at it."""

    def monotonic(self) -> float:
        self.advance(60)
        return super().monotonic()


def test_what_stood_still_beyond_the_deadline_sends_nothing_any_more() -> None:
    sink = Sink()

    async def go() -> AttemptResult:
        async with sink.running(), opened(clock=StandingStill()) as sender:
            return await post(sink.url, sender=sender)

    assert asyncio.run(go()).outcome is Outcome.TIMEOUT
    assert not sink.received


def test_nobody_there() -> None:
    result = asyncio.run(post("http://127.0.0.1:9/x?token=hidden"))
    assert result.outcome is Outcome.CONNECTION_ERROR
    assert "hidden" not in (result.error or "")


def test_what_is_not_http() -> None:
    async def go() -> AttemptResult:
        async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            return await post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/?token=hidden")

    result = asyncio.run(go())
    assert result.outcome is Outcome.CONNECTION_ERROR
    assert "hidden" not in (result.error or "")


def test_an_excerpt_has_nothing_that_a_database_refuses() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=500, body=b"\x00\xff" * 2000)

    result = run(Sink(answer))
    assert result.excerpt is not None
    assert "\x00" not in result.excerpt
    assert len(result.excerpt) <= 1024


def test_a_header_that_cannot_be_sent_fails_the_try_only() -> None:
    result = run(Sink(), name="a\r\nb: c")
    assert result.outcome is Outcome.MISCONFIGURED


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://127.0.0.1:1/", "http://2130706433/", "ftp://x/"]
)
def test_forbidden_addresses_are_not_connected_to(url: str) -> None:
    async def go() -> AttemptResult:
        async with opened(allow_private=False) as sender:
            return await post(url, sender=sender)

    assert asyncio.run(go()).outcome is Outcome.ADDRESS_FORBIDDEN


def test_a_name_that_points_to_a_metadata_service() -> None:
    async def go() -> AttemptResult:
        async with opened(StaticResolver({"evil.example": [["169.254.169.254"]]})) as sender:
            return await post("http://evil.example/", sender=sender)

    assert asyncio.run(go()).outcome is Outcome.ADDRESS_FORBIDDEN


def test_a_name_that_changes_its_address_between_check_and_connect() -> None:
    async def go() -> tuple[AttemptResult, AttemptResult]:
        sink = Sink(status(200, Connection="close"))
        async with sink.running():
            resolver = StaticResolver({"rebinding.example": [["127.0.0.1"], ["169.254.169.254"]]})
            async with opened(resolver) as sender:
                url = f"http://rebinding.example:{sink.port}/hook"
                first = await post(url, sender=sender)
                # The answer of the lookup is used for a second; afterwards the name is judged anew.
                sender._session.connector.clear_dns_cache()  # type: ignore[union-attr]
                return first, await post(url, sender=sender)

    first, second = asyncio.run(go())
    assert (first.outcome, second.outcome) == (Outcome.DELIVERED, Outcome.ADDRESS_FORBIDDEN)


def test_connections_are_used_again() -> None:
    sink = Sink()

    async def go() -> None:
        async with sink.running(), opened() as sender:
            for _ in range(3):
                await post(sink.url, sender=sender)

    asyncio.run(go())
    assert len({received.peer for received in sink.received}) == 1


def closing_after(answers: int, seen: list[int]) -> object:
    """A server that answers `answers` requests of a connection and drops it at the next one."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(0)
        number = len(seen) - 1
        try:
            while await reader.readuntil(b"\r\n\r\n{}"):
                seen[number] += 1
                if seen[number] > answers:
                    break
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    return talk


def test_an_idle_connection_that_was_closed_is_no_failure() -> None:
    seen: list[int] = []

    async def go() -> list[AttemptResult]:
        server = await asyncio.start_server(closing_after(1, seen), "127.0.0.1", 0)  # type: ignore[arg-type]
        async with server, opened() as sender:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            return [await post(url, sender=sender) for _ in range(2)]

    assert [result.outcome for result in asyncio.run(go())] == [Outcome.DELIVERED] * 2
    assert seen == [2, 1]


def test_a_new_connection_that_is_dropped_is_a_failure() -> None:
    seen: list[int] = []

    async def go() -> AttemptResult:
        server = await asyncio.start_server(closing_after(0, seen), "127.0.0.1", 0)  # type: ignore[arg-type]
        async with server:
            return await post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    assert asyncio.run(go()).outcome is Outcome.CONNECTION_ERROR
    assert seen == [1]


def test_a_large_body_goes_whole() -> None:
    sink = Sink()
    body = bytes(range(256)) * 20_000
    assert run(sink, body=body).outcome is Outcome.DELIVERED
    assert sink.received[0].body == body
    assert sink.received[0].header("content-length") == str(len(body))
