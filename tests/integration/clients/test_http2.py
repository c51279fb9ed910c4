"""Calls by HTTP/2 against a real server: the same surface, and the same guard."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from h2.connection import H2Connection

from gateway.clients import errors
from gateway.clients.auth.base import Bearer
from gateway.clients.client import ApiClient
from gateway.clients.errors import IntegrationError
from gateway.clients.retries import NO_RETRIES, RetryPolicy
from gateway.clients.transport import Timeout
from gateway.errors import AddressForbidden
from gateway.outgoing.resolver import StaticResolver
from gateway.security.ssrf import AddressPolicy
from tests.integration.outgoing.conftest import TLS_HOST, make_certificate
from tests.services.http2_server import Http2Server, http2_frames, http2_server
from tests.services.waiting import until

TOKEN = "tok-7a1c93e0d5"
LOOPBACK = AddressPolicy(allow_private=True)
QUICK = RetryPolicy(first_pause_seconds=0.001, longest_pause_seconds=0.001)
MakeClient = Callable[..., ApiClient]


@pytest.fixture(scope="module")
def _system() -> Iterator[Http2Server]:
    with http2_server() as server:
        yield server


@pytest.fixture
def system(_system: Http2Server) -> Http2Server:
    _system.connections.clear()
    _system.versions.clear()
    return _system


@pytest.fixture
def make(system: Http2Server) -> Iterator[MakeClient]:
    made: list[ApiClient] = []

    def client(url: str = "", **options: Any) -> ApiClient:
        given: dict[str, Any] = {"auth": Bearer(TOKEN), "allow_http": True, "policy": LOOPBACK, "retries": QUICK}
        given["timeout"] = Timeout(connect_seconds=2, read_seconds=2, call_seconds=10)
        made.append(ApiClient(url or f"http://127.0.0.1:{system.port}", http2=True, **given | options))
        return made[-1]

    yield client
    for one in made:
        one.close()


def test_the_same_call_goes_by_http2(make: MakeClient, system: Http2Server) -> None:
    client = make()

    told = client.json("POST", "/things/{id}", {"id": "a b"}, query={"q": "x y"}, json={"n": 1})

    assert (told["method"], told["path"], told["query"], told["body"]) == (
        "POST",
        "/things/a b",
        {"q": "x y"},
        '{"n":1}',
    )
    assert told["headers"]["authorization"] == f"Bearer {TOKEN}"
    assert told["headers"]["content-type"] == "application/json"
    assert client.json("GET", "/gzip") == {"ok": 1}
    assert client.head("/anything").status == 200
    assert client.json("GET", "/redirect", query={"to": "/there"})["path"] == "/there"
    assert client.json("PUT", "/large-body", body=b"x" * 300_000)["body"] == "x" * 300_000
    assert set(system.versions) == {"2"}
    assert len(set(system.connections)) == 1


@pytest.mark.parametrize(
    ("path", "kind", "tries"),
    [
        ("/status/404", errors.RemoteNotFound, 1),
        ("/status/429", errors.RateLimited, 4),
        ("/status/500", errors.Unavailable, 4),
        ("/huge", errors.ResponseTooLarge, 1),
        ("/bomb", errors.ResponseTooLarge, 1),
        ("/bad-gzip", errors.ProtocolFault, 1),
    ],
)
def test_each_fault_is_its_own_error(make: MakeClient, path: str, kind: type[IntegrationError], tries: int) -> None:
    client = make(max_bytes=100_000)

    with pytest.raises(IntegrationError) as caught:
        client.get(path)

    assert type(caught.value) is kind
    assert caught.value.call.tries == tries
    assert TOKEN not in f"{caught.value}{caught.value.call}"
    assert client.get("/well").status == 200


def reset(state: H2Connection, stream: int) -> bool:
    state.send_headers(stream, [(":status", "200")])
    state.send_data(stream, b"{")
    state.reset_stream(stream)
    return True


def cut(state: H2Connection, stream: int) -> bool:
    state.send_headers(stream, [(":status", "200")])
    state.send_data(stream, b"{")
    return False


def goodbye(state: H2Connection, stream: int) -> bool:
    if stream == 1:
        state.send_headers(stream, [(":status", "200")], end_stream=True)
        return True
    # It was not looked at, and may be sent anew whatever it is (RFC 9113, 6.8).
    state.close_connection(last_stream_id=1)
    return False


@pytest.mark.parametrize("answer", [reset, cut])
def test_what_breaks_off_is_a_lost_connection(make: MakeClient, answer: Callable[[H2Connection, int], bool]) -> None:
    with http2_frames(answer) as port, pytest.raises(errors.ConnectionFailed, match="was cut") as caught:
        make(f"http://127.0.0.1:{port}").get("/")

    assert caught.value.call.tries == 4


def test_a_write_that_a_parting_system_did_not_look_at_is_sent_on_another_connection(make: MakeClient) -> None:
    with http2_frames(goodbye) as port:
        client = make(f"http://127.0.0.1:{port}")

        assert [client.post("/a", json=1).tries for _ in range(3)] == [1, 1, 1]
        client.close()


def only_once(state: H2Connection, stream: int) -> bool:
    state.send_headers(stream, [(":status", "200")], end_stream=True)
    return False


def test_a_write_does_not_go_out_on_a_connection_that_the_system_left(make: MakeClient) -> None:
    hung_up = threading.Semaphore(0)
    with http2_frames(only_once, hung_up.release) as port:
        client = make(f"http://127.0.0.1:{port}")
        for _ in range(3):
            assert client.post("/a", json=1).tries == 1
            assert hung_up.acquire(timeout=60)
        client.close()


@pytest.mark.parametrize("path", ["/silent", "/drip"])
def test_a_call_ends_by_its_deadline_and_takes_no_other_with_it(
    make: MakeClient, system: Http2Server, path: str
) -> None:
    client = make(retries=NO_RETRIES)
    client.get("/first")
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(client.json, "GET", "/slow", query={"seconds": 0.6})
        until(lambda: len(system.connections) == 2, "the slow call is under way", every_seconds=0.005)
        began = time.monotonic()
        with pytest.raises(errors.DeadlineExceeded):
            client.get(path, timeout_seconds=0.2)
        took = time.monotonic() - began

        # What is sent now does not share a connection whose window somebody else fills.
        assert client.get("/after").status == 200
        assert beside.result() == {"slow": True}

    assert took < 1
    first, slow, ended, after = system.connections
    assert first == slow == ended != after


def test_a_system_that_keeps_silent_is_not_waited_for_until_the_deadline(make: MakeClient) -> None:
    client = make(timeout=Timeout(connect_seconds=2, read_seconds=0.2, call_seconds=60), retries=NO_RETRIES)

    with pytest.raises(errors.DeadlineExceeded, match="silent"):
        client.get("/silent")


def test_many_threads_share_one_connection(make: MakeClient, system: Http2Server) -> None:
    client = make(timeout=Timeout(call_seconds=30))

    with ThreadPoolExecutor(60) as pool:
        paths = list(pool.map(lambda number: client.json("GET", f"/mine/{number}")["path"], range(180)))

    assert paths == [f"/mine/{number}" for number in range(180)]
    assert len(set(system.connections)) == 1


def test_no_more_streams_than_the_system_takes_and_nobody_waits_past_his_time(make: MakeClient) -> None:
    with http2_server(max_streams=2) as narrow:
        client = make(f"http://127.0.0.1:{narrow.port}", retries=NO_RETRIES)
        client.get("/first")

        with ThreadPoolExecutor(4) as pool:
            slow = [pool.submit(client.get, "/slow", query={"seconds": 1}) for _ in range(2)]
            until(lambda: len(narrow.connections) == 3, "both slow calls are under way", every_seconds=0.005)
            with pytest.raises(errors.DeadlineExceeded):
                client.get("/waits", timeout_seconds=0.2)
            assert [one.result().status for one in slow] == [200, 200]


def test_a_large_answer_is_streamed(make: MakeClient) -> None:
    with make().stream("GET", "/large") as answer:
        sizes = [len(chunk) for chunk in answer.chunks()]

    assert sum(sizes) == 64 * 65536
    assert max(sizes) <= 65536


def test_private_addresses_are_refused_unless_allowed(make: MakeClient, system: Http2Server) -> None:
    with pytest.raises(AddressForbidden):
        make(policy=AddressPolicy(allow_private=False)).get("/a")
    by_name = f"http://acme.example:{system.port}"
    rebound = StaticResolver({"acme.example": [["127.0.0.1"]]})
    with pytest.raises(AddressForbidden):
        make(by_name, resolver=rebound, policy=AddressPolicy(allow_private=False)).get("/a")

    assert system.connections == []
    # The name is the system's, the address the resolver's.
    assert make(by_name, resolver=rebound).json("GET", "/a")["host"] == f"acme.example:{system.port}"


def test_tls_is_verified_for_the_name(make: MakeClient, tmp_path: Path) -> None:
    pem = make_certificate(tmp_path / "server.pem")
    names = StaticResolver({TLS_HOST: [["127.0.0.1"]], "other.example": [["127.0.0.1"]]})

    def trusting() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(pem))

    with http2_server(pem) as system:
        url = f"https://{TLS_HOST}:{system.port}"
        assert make(url, resolver=names, ssl_context=trusting()).get("/a").status == 200
        for base, trust in ((url, None), (url.replace(TLS_HOST, "other.example"), trusting())):
            with pytest.raises(errors.ConnectionFailed, match="not trusted"):
                make(base, resolver=names, ssl_context=trust).get("/a")
        assert system.versions == ["2"]
    with (
        http2_server(pem, alpn=["http/1.1"]) as old,
        pytest.raises(errors.ProtocolFault, match="does not speak HTTP/2"),
    ):
        make(f"https://{TLS_HOST}:{old.port}", resolver=names, ssl_context=trusting()).get("/a")


def test_no_connection_says_why(make: MakeClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        gone = listening.getsockname()[1]
    for url, hint in (
        (f"http://127.0.0.1:{gone}", "nothing listens"),
        ("http://nowhere.invalid", "does not resolve"),
    ):
        with pytest.raises(errors.ConnectionFailed, match=hint):
            make(url, resolver=StaticResolver({})).get("/")


def test_what_breaks_the_rules_is_an_error_of_the_protocol(make: MakeClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    # SETTINGS, and DATA on stream 0, where none may be (RFC 9113, 6.1).
                    connection.sendall(b"\0\0\0\4\0\0\0\0\0" + b"\0\0\1\0\0\0\0\0\0x")
                    while connection.recv(1000):
                        pass

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(errors.ProtocolFault, match="HTTP/2"):
            make(f"http://127.0.0.1:{listening.getsockname()[1]}", retries=NO_RETRIES).get("/")
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_connection_that_the_system_ended_is_followed_by_another(make: MakeClient) -> None:
    with http2_server() as first:
        client = make(f"http://acme.example:{first.port}", resolver=StaticResolver({"acme.example": [["127.0.0.1"]]}))
        client.get("/a")
    with pytest.raises(errors.ConnectionFailed):
        client.get("/b")


def test_a_child_after_a_fork_has_a_connection_of_its_own(make: MakeClient, system: Http2Server) -> None:
    client = make()
    client.get("/before")
    child = os.fork()
    if child == 0:
        os._exit(0 if client.json("GET", "/child")["path"] == "/child" else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.json("GET", "/parent")["path"] == "/parent"
    assert len(set(system.connections)) == 2


def test_a_client_that_was_closed_opens_another_connection(make: MakeClient, system: Http2Server) -> None:
    client = make()
    client.get("/a")
    client.close()

    assert client.get("/b").status == 200
    assert len(set(system.connections)) == 2


def test_a_session_and_http2_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="speaks HTTP"):
        ApiClient("https://api.example", http2=True, session=requests.Session())
