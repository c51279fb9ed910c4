"""What every way out keeps to: both guards, and what is built on them. Real servers, real TLS, names of our own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import psutil
import pytest
import requests
import uvloop

from gateway.clock import SystemClock
from gateway.delivery.decisions.policy import Outcome
from gateway.delivery.sending.request import USER_AGENT, OutgoingRequest
from gateway.delivery.sending.sender import Sender
from gateway.errors import AddressForbidden
from gateway.outgoing import guard_requests
from gateway.outgoing.caps import DELIVERY_MAX_BYTES, DOCUMENT, Caps
from gateway.outgoing.document import FetchFailed
from gateway.outgoing.fetch import Fetcher
from gateway.outgoing.guard_aiohttp import GuardedConnector
from gateway.outgoing.guard_requests import GuardedAdapter
from gateway.outgoing.resolver import Resolver, StaticResolver
from gateway.security.ssrf import AddressPolicy
from tests.services.fault_server import fault_server

HOST = "certs.example"
METADATA = "169.254.169.254"
STRICT = AddressPolicy(allow_private=False)
LENIENT = AddressPolicy(allow_private=True)
Send = Callable[[bytes], object]


@dataclass(frozen=True)
class Way:
    """How requests go out, and what holds for all of them. `timeout_seconds` is that of each."""

    resolver: Resolver
    policy: AddressPolicy = LENIENT
    ssl_context: ssl.SSLContext | None = None
    timeout_seconds: float = 5.0


FORBIDDEN, FAILED, TOO_LARGE, TOO_SLOW = "forbidden", "failed", "too large", "too slow"


def guarded_aiohttp(way: Way, *urls: str) -> list[int | str]:
    """GETs from one session with redirects; each one's status, or how it failed."""

    async def go() -> list[int | str]:
        found: list[int | str] = []
        connector = GuardedConnector(way.resolver, way.policy, ssl=way.ssl_context or True, use_dns_cache=False)
        async with aiohttp.ClientSession(connector=connector) as session:
            for url in urls:
                try:
                    async with session.get(url) as response:
                        found.append(response.status)
                except AddressForbidden:
                    found.append(FORBIDDEN)
                except aiohttp.ClientError:
                    found.append(FAILED)
        return found

    return asyncio.run(go())


def guarded_requests(way: Way, *urls: str) -> list[int | str]:
    """GETs from one session with redirects; each one's status, or how it failed."""
    found: list[int | str] = []
    with requests.Session() as session:
        adapter = GuardedAdapter(way.resolver, way.policy, ssl_context=way.ssl_context)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        for url in urls:
            try:
                found.append(session.get(url, timeout=5).status_code)
            except AddressForbidden:
                found.append(FORBIDDEN)
            except requests.RequestException:
                found.append(FAILED)
    return found


def fetcher(way: Way, *urls: str) -> list[int | str]:
    """GETs of small documents; redirects are answers."""
    found: list[int | str] = []
    caps = Caps(way.timeout_seconds, DOCUMENT.max_bytes)
    documents = Fetcher(way.resolver, way.policy, caps=caps, ssl_context=way.ssl_context)
    for url in urls:
        try:
            found.append(documents.get(url).status)
        except AddressForbidden:
            found.append(FORBIDDEN)
        except FetchFailed as error:
            kinds = {"larger than": TOO_LARGE, "no whole answer within": TOO_SLOW}
            found.append(next((kind for words, kind in kinds.items() if words in str(error)), FAILED))
    return found


def sender(way: Way, *urls: str) -> list[int | str]:
    """Deliveries, on the worker's event loop; redirects are answers."""
    kinds = {
        Outcome.ADDRESS_FORBIDDEN: FORBIDDEN,
        Outcome.CONNECTION_ERROR: FAILED,
        Outcome.RESPONSE_TOO_LARGE: TOO_LARGE,
        Outcome.TIMEOUT: TOO_SLOW,
    }

    async def go() -> list[int | str]:
        found: list[int | str] = []
        made = Sender(clock=SystemClock(), resolver=way.resolver, policy=way.policy, ssl_context=way.ssl_context)
        for url in urls:
            request = OutgoingRequest(url, [("User-Agent", USER_AGENT)], b"{}")
            result = await made.send(request, timeout_seconds=way.timeout_seconds)
            found.append(kinds.get(result.outcome) or result.status or FAILED)
        await made.close()
        return found

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(go())


Client = Callable[..., list[int | str]]
GUARDS = [guarded_aiohttp, guarded_requests]
CAPPED = [fetcher, sender]
every_way = pytest.mark.parametrize("client", [*GUARDS, *CAPPED])
every_guard = pytest.mark.parametrize("client", GUARDS)
every_capped = pytest.mark.parametrize("client", CAPPED)


def answer(send: Send) -> None:
    send(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")


def knows(*answers: str) -> StaticResolver:
    """A resolver with one address of `HOST` for each lookup."""
    return StaticResolver({HOST: [[address] for address in answers]})


@every_way
def test_it_connects_to_the_address_that_was_judged(client: Client, serve: Callable[..., Any]) -> None:
    server = serve(answer)
    assert client(Way(knows("127.0.0.1")), f"http://{HOST}:{server.port}/path?a=b") == [204]
    (head,) = server.requests
    assert b"/path?a=b HTTP/1.1\r\n" in head
    assert f"Host: {HOST}:{server.port}\r\n".encode() in head


@every_way
@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::1", "10.0.0.1", METADATA])
def test_a_name_of_a_private_address_is_not_connected_to(
    client: Client, serve: Callable[..., Any], address: str
) -> None:
    server = serve(answer)
    assert client(Way(knows(address), STRICT), f"http://{HOST}:{server.port}/") == [FORBIDDEN]
    assert server.requests == []


@every_way
@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"])
def test_a_private_literal_is_not_connected_to(client: Client, serve: Callable[..., Any], host: str) -> None:
    server = serve(answer)
    assert client(Way(StaticResolver({}), STRICT), f"http://{host}:{server.port}/") == [FORBIDDEN]
    assert server.requests == []


@every_way
def test_forbidden_addresses_among_allowed_ones_are_passed_over(client: Client, serve: Callable[..., Any]) -> None:
    server = serve(answer)
    resolver = StaticResolver({HOST: [[METADATA, "127.0.0.1"]]})
    assert client(Way(resolver), f"http://{HOST}:{server.port}/") == [204]


@every_way
def test_the_next_address_is_tried_when_one_does_not_answer(client: Client, serve: Callable[..., Any]) -> None:
    server = serve(answer)
    resolver = StaticResolver({HOST: [["127.0.0.2", "127.0.0.1"]]})
    assert client(Way(resolver), f"http://{HOST}:{server.port}/") == [204]


@every_way
def test_a_name_that_changes_after_it_was_judged_changes_nothing(client: Client, serve: Callable[..., Any]) -> None:
    # One lookup for a connection: what a second one would say is not asked.
    server = serve(answer)
    assert client(Way(knows("127.0.0.1", METADATA)), f"http://{HOST}:{server.port}/") == [204]
    assert len(server.requests) == 1


@pytest.mark.parametrize("client", [*GUARDS, fetcher])
def test_and_is_judged_again_for_the_next_connection(client: Client, serve: Callable[..., Any]) -> None:
    server = serve(answer)
    url = f"http://{HOST}:{server.port}/"
    assert client(Way(knows("127.0.0.1", METADATA)), url, url) == [204, FORBIDDEN]
    assert len(server.requests) == 1


@every_way
def test_a_name_that_does_not_resolve_fails(client: Client) -> None:
    assert client(Way(StaticResolver({})), f"http://{HOST}/") == [FAILED]


@every_guard
@pytest.mark.parametrize("target", [f"http://{METADATA}/", "http://inside.example/", f"http://[::ffff:{METADATA}]/"])
def test_a_redirect_is_judged_like_any_other_url(client: Client, serve: Callable[..., Any], target: str) -> None:
    location = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()
    server = serve(lambda send: send(location))
    resolver = StaticResolver({HOST: [["127.0.0.1"]], "inside.example": [[METADATA]]})
    assert client(Way(resolver), f"http://{HOST}:{server.port}/") == [FORBIDDEN]
    assert len(server.requests) == 1


@every_capped
def test_or_is_not_followed(client: Client, serve: Callable[..., Any]) -> None:
    server = serve(lambda send: send(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"))
    assert client(Way(knows("127.0.0.1")), f"http://{HOST}:{server.port}/") == [302]
    assert len(server.requests) == 1


@every_way
def test_tls_asks_for_the_name_and_verifies_it(client: Client, serve: Callable[..., Any], certificate: Any) -> None:
    server = serve(answer, tls=True)
    way = Way(knows("127.0.0.1"), ssl_context=certificate.client)
    assert client(way, f"https://{HOST}:{server.port}/") == [204]
    assert server.server_names == [HOST]


@every_way
def test_a_certificate_of_another_name_is_refused(client: Client, serve: Callable[..., Any], certificate: Any) -> None:
    server = serve(answer, tls=True)
    way = Way(StaticResolver({"other.example": [["127.0.0.1"]]}), ssl_context=certificate.client)
    assert client(way, f"https://other.example:{server.port}/") == [FAILED]
    assert server.requests == []


@every_way
def test_a_certificate_that_nobody_trusts_is_refused(client: Client, serve: Callable[..., Any]) -> None:
    server = serve(answer, tls=True)
    assert client(Way(knows("127.0.0.1")), f"https://{HOST}:{server.port}/") == [FAILED]
    assert server.requests == []


@every_way
def test_the_environments_proxies_are_not_used(
    client: Client, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server = serve(answer)
    assert client(Way(knows("127.0.0.1")), f"http://{HOST}:{server.port}/") == [204]


@every_capped
@pytest.mark.parametrize("length", [True, False], ids=["announced", "not announced"])
def test_an_answer_that_is_too_large_is_cut_off(client: Client, serve: Callable[..., Any], length: bool) -> None:
    size = DELIVERY_MAX_BYTES + 1
    header = b"Content-Length: %d\r\n" % size if length else b""
    server = serve(lambda send: send(b"HTTP/1.1 200 OK\r\n" + header + b"\r\n" + b"x" * size))
    assert client(Way(knows("127.0.0.1")), f"http://{HOST}:{server.port}/") == [TOO_LARGE]


@every_capped
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_answer_that_drips_has_an_end(client: Client, serve: Callable[..., Any], start: bytes) -> None:
    over = threading.Event()

    def drip(send: Send) -> None:
        send(start)
        while not over.wait(0.02):
            send(b"x" if start else b"")

    server = serve(drip)
    way = Way(knows("127.0.0.1"), timeout_seconds=0.3)
    assert client(way, f"http://{HOST}:{server.port}/") == [TOO_SLOW]
    over.set()


@every_capped
def test_it_says_who_it_is(client: Client, serve: Callable[..., Any]) -> None:
    server = serve(answer)
    client(Way(knows("127.0.0.1")), f"http://{HOST}:{server.port}/")
    (head,) = server.requests
    assert head.count(b"User-Agent: gateway/1 (") == head.lower().count(b"user-agent") == 1


def test_a_urllib3_that_connects_in_a_way_of_its_own_sends_nothing(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if another version of urllib3 opened its sockets elsewhere.
    monkeypatch.delattr(guard_requests._PinnedConnection, "_new_conn")
    server = serve(answer)
    assert guarded_requests(Way(StaticResolver({}), STRICT), f"http://localhost:{server.port}/") == [FORBIDDEN]
    assert server.requests == []


def test_an_adapter_that_is_closed_lets_go_of_its_connections_and_connects_again() -> None:
    adapter = GuardedAdapter(StaticResolver({}), AddressPolicy(allow_private=True))

    def connected(port: int) -> int:
        return sum(1 for one in psutil.Process().net_connections("tcp") if one.raddr and one.raddr.port == port)

    with fault_server() as system, requests.Session() as session:
        # The machine's authorities in the environment would be asked for by name.
        session.trust_env = False
        session.mount("http://", adapter)
        for _ in range(2):
            assert session.get(f"{system.url}/a").status_code == 200
            assert connected(system.port) == 1
            adapter.close()
            assert connected(system.port) == 0
