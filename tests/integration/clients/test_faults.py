"""Every trick of the fault server: its own error, in time, without the secret."""

from __future__ import annotations

import threading
import time
import tracemalloc

import psutil
import pytest

from gateway.clients import errors
from gateway.clients.breaker import Breaker
from gateway.clients.errors import IntegrationError
from gateway.clients.retries import NO_RETRIES
from gateway.clients.transport import Timeout
from tests.integration.clients.conftest import MakeClient
from tests.services.fault_server import FaultServer, fault_server
from tests.unit.clients.conftest import TOKEN

FAULTS = [
    ("/status/400", errors.RequestRefused, 1),
    ("/status/401", errors.AuthenticationFailed, 1),
    ("/status/403", errors.AuthorizationFailed, 1),
    ("/status/404", errors.RemoteNotFound, 1),
    ("/status/409", errors.RemoteConflict, 1),
    ("/status/410", errors.RemoteNotFound, 1),
    ("/status/412", errors.RemoteConflict, 1),
    ("/status/418", errors.RequestRefused, 1),
    ("/status/422", errors.RequestRefused, 1),
    ("/status/429", errors.RateLimited, 4),
    ("/status/500", errors.Unavailable, 4),
    ("/status/503", errors.Unavailable, 4),
    ("/secret-told", errors.RequestRefused, 1),
    ("/hangs-up", errors.ConnectionFailed, 4),
    ("/half-body", errors.ConnectionFailed, 4),
    ("/huge", errors.ResponseTooLarge, 1),
    ("/bomb", errors.ResponseTooLarge, 1),
    ("/deflate-bomb", errors.ResponseTooLarge, 1),
    ("/bad-chunk", errors.ProtocolFault, 1),
    ("/bad-gzip", errors.ProtocolFault, 1),
    ("/garbage", errors.ProtocolFault, 1),
    ("/round", errors.ProtocolFault, 1),
]


@pytest.mark.parametrize(("path", "kind", "tries"), FAULTS, ids=[path for path, *_ in FAULTS])
def test_each_fault_is_its_own_error(
    make_client: MakeClient, path: str, kind: type[IntegrationError], tries: int
) -> None:
    client = make_client(max_bytes=100_000)

    with pytest.raises(IntegrationError) as caught:
        client.get(path)

    assert type(caught.value) is kind
    assert caught.value.call.tries == tries
    assert caught.value.call.path.startswith("/")
    assert str(caught.value).startswith("acme: ")
    assert TOKEN not in f"{caught.value}{caught.value.call}"


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/html", "base URL"),
        ("/empty", "empty body"),
        ("/wrong-type", "text/plain"),
        ("/half-json", "not all of it"),
    ],
)
def test_what_is_not_json_is_told_with_its_probable_cause(make_client: MakeClient, path: str, hint: str) -> None:
    with pytest.raises(errors.ResponseInvalid, match=hint):
        make_client().json("GET", path)


@pytest.mark.parametrize("path", ["/silent", "/dripping-head", "/dripping-body"])
def test_a_call_ends_by_its_deadline_whatever_the_system_does(make_client: MakeClient, path: str) -> None:
    client = make_client(timeout=Timeout(connect_seconds=5, read_seconds=5, call_seconds=0.3), retries=NO_RETRIES)
    began = time.monotonic()

    with pytest.raises(errors.DeadlineExceeded):
        client.get(path)

    assert time.monotonic() - began < 5


def test_a_connection_that_a_dead_exchange_held_serves_nobody(make_client: MakeClient) -> None:
    client = make_client(timeout=Timeout(connect_seconds=5, read_seconds=5, call_seconds=0.3), retries=NO_RETRIES)

    for _ in range(2):
        with pytest.raises(errors.DeadlineExceeded):
            client.get("/dripping-body")
        assert client.get("/anything", timeout_seconds=10).status == 200


def test_an_answer_that_was_only_announced_is_nobody_elses(make_client: MakeClient) -> None:
    client = make_client()

    with pytest.raises(errors.ProtocolFault, match="103"):
        client.get("/early-hints")
    assert client.json("GET", "/anything")["path"] == "/anything"


@pytest.mark.parametrize(
    ("base_url", "hint"),
    [("http://127.0.0.1:1", "nothing listens"), ("http://nowhere.invalid", "does not resolve"), ("https:", "TLS")],
)
def test_no_connection_says_why(make_client: MakeClient, server: FaultServer, base_url: str, hint: str) -> None:
    url = server.url.replace("http:", "https:") if base_url == "https:" else base_url

    with pytest.raises(errors.ConnectionFailed, match=hint):
        make_client(url).get("/")


def test_two_hundred_threads_share_one_client(make_client: MakeClient, server: FaultServer) -> None:
    client = make_client()
    wrong: list[object] = []

    def call(number: int) -> None:
        for turn in range(2):
            path = f"/mine/{number}/{turn}"
            if client.json("GET", path)["path"] != path:
                wrong.append(path)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert len(server.heard) == 400


def connections_to(server: FaultServer) -> int:
    """How many a client in this process has open."""
    found = psutil.Process().net_connections("tcp")
    return sum(
        1 for one in found if one.raddr and one.raddr.port == server.port and one.status != psutil.CONN_TIME_WAIT
    )


def test_no_fault_keeps_a_connection(make_client: MakeClient) -> None:
    dripping = ["/silent", "/dripping-head", "/dripping-body"]
    paths = [path for path, *_ in FAULTS] + ["/html", "/empty", "/wrong-type", "/half-json", *dripping]
    patient = Breaker("acme", failures_to_open=1000)

    kept = []
    # One that nobody else has connections to.
    with fault_server() as system:
        client = make_client(system.url, max_bytes=100_000, breaker=patient, retries=NO_RETRIES)
        for path in paths:
            with pytest.raises(IntegrationError):
                client.json("GET", path, timeout_seconds=0.2 if path in dripping else 10)
            kept.append((path, connections_to(system)))
        client.close()
        left = connections_to(system)

    # At most the one that the next call uses again.
    assert [(path, count) for path, count in kept if count > 1] == []
    assert left == 0
    # Every trick was played: the system says so itself.
    played = {line.rpartition(": ")[2] for line in system.log}
    assert {"silent", "hangs up", "dripping body", "status", "huge", "round", "half json", "bomb"} <= played


@pytest.mark.parametrize("path", ["/huge", "/bomb"])
def test_what_is_too_large_is_never_in_memory(make_client: MakeClient, path: str) -> None:
    client = make_client(max_bytes=100_000)
    with pytest.raises(errors.ResponseTooLarge):
        client.get(path)

    tracemalloc.start()
    try:
        with pytest.raises(errors.ResponseTooLarge):
            client.get(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # 20 MB, and without an end; the server's own pieces are in it.
    assert peak < 2_000_000
