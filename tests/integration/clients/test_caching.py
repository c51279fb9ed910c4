"""Answers that are kept, against a system: what is sent, what is not, and what is given when it is away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from gateway.clients import errors
from gateway.clients.auth.base import ApiKey, Bearer
from gateway.clients.breaker import Breaker
from gateway.clients.caching.cache import HttpCache
from gateway.clients.fallback import Stale
from gateway.clients.limits import Rate
from gateway.clients.paging.styles import LinkHeader
from gateway.clients.retries import NO_RETRIES
from gateway.clients.values import Call
from gateway.clock import FakeClock
from tests.integration.clients.conftest import MakeClient
from tests.integration.clients.test_calls import Reports
from tests.services.fault_server import FaultServer

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def query(*headers: str, **more: object) -> dict[str, object]:
    return {"h": list(headers)} | more


class Traced:
    """A tracer, and its only span."""

    headers = (("traceparent", TRACEPARENT),)

    def begin(self, system: str, origin: str, call: Call, tries: int) -> Traced:
        return self

    def end(self, status: int | None, error: BaseException | None) -> None:
        return None


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime.now(UTC))


def test_a_fresh_answer_costs_nothing(make_client: MakeClient, server: FaultServer) -> None:
    reports = Reports()
    breaker = Breaker("acme", failures_to_open=1)
    client = make_client(cache=HttpCache(), rate_limit=[Rate(1, 3600)], breaker=breaker, observers=[reports])

    first = client.get("/kept/a", query=query("Cache-Control:max-age=60", "X-Request-Id:n-1"))
    again = [client.get("/kept/a", query=query("Cache-Control:max-age=60", "X-Request-Id:n-1")) for _ in range(3)]

    assert (first.cached, first.tries, first.body) == (None, 1, b"1")
    assert {(one.cached, one.tries, one.body, one.headers["age"]) for one in again} == {("fresh", 0, b"1", "0")}
    assert len(server.heard) == 1
    assert [one.request_id for one in reports.ended_calls] == ["n-1", None, None, None]
    assert [(one.cached, one.tries, one.status) for one in reports.ended_calls] == [(None, 1, 200)] + [
        ("fresh", 0, 200)
    ] * 3


def test_an_answer_is_asked_for_by_its_validator_when_it_is_old(
    make_client: MakeClient, server: FaultServer, clock: FakeClock
) -> None:
    reports = Reports()
    client = make_client(cache=HttpCache(clock=clock), observers=[reports])
    asked = query('ETag:"1"', "Cache-Control:max-age=60")
    uses = []
    for seconds in (0, 30, 61):
        clock.advance(seconds)
        answer = client.get("/kept/a", query=asked)
        uses.append((answer.status, answer.cached, answer.body, answer.headers["x-count"]))

    assert uses == [
        (200, None, b"1", "1"),
        (200, "fresh", b"1", "1"),
        (200, "revalidated", b"1", "2"),
    ]
    assert [one.status for one in reports.ended_calls] == [200, 200, 304]
    assert [one.headers.get("if-none-match") for one in server.heard] == [None, '"1"']


def test_a_304_about_something_else_is_asked_again(make_client: MakeClient, server: FaultServer) -> None:
    client = make_client(cache=HttpCache(ttl_seconds=0), tracer=Traced())
    asked = query('ETag:"1"', other=1)

    bodies = [client.get("/kept/a", query=asked).body for _ in range(2)]

    assert bodies == [b"1", b"3"]
    assert [one.headers.get("if-none-match") for one in server.heard] == [None, '"1"', None]
    assert server.heard[2].headers["authorization"].startswith("Bearer ")
    assert server.heard[2].headers["traceparent"] == TRACEPARENT


def test_the_lifetime_can_be_ours(make_client: MakeClient, server: FaultServer, clock: FakeClock) -> None:
    client = make_client(cache=HttpCache(ttl_seconds=0, ttl_by_path={"/kept/{what}": 3600}, clock=clock))

    uses = []
    for _ in range(2):
        uses += [client.get("/kept/{what}", {"what": "a"}).cached, client.get("/kept/b").cached]
        clock.advance(3000)

    assert uses == [None, None, "fresh", None]


def test_credentials_share_nothing_and_one_credential_all(make_client: MakeClient, server: FaultServer) -> None:
    cache = HttpCache()
    asked: dict[str, Any] = {"query": query("Cache-Control:max-age=60")}

    def use(**options: Any) -> str | None:
        return make_client(cache=cache, **options).get("/kept/a", **asked).cached

    assert use(auth=Bearer("one")) is None
    assert use(auth=Bearer("two")) is None
    assert use(auth=ApiKey("one", header="X-Key")) is None
    assert use(auth=Bearer("one"), headers={"X-Account": "7"}) is None
    assert use(auth=Bearer("one")) == "fresh"
    assert "one" not in repr(cache)


def test_what_a_connection_proves_is_no_other_clients(make_client: MakeClient, server: FaultServer) -> None:
    cache = HttpCache(ttl_seconds=60)
    clients = [make_client(cache=cache, session=requests.Session()) for _ in range(2)]

    uses = [client.get("/kept/a").cached for client in (*clients, *clients)]

    assert uses == [None, None, "fresh", "fresh"]


def test_a_write_makes_its_path_and_the_list_above_forgotten(make_client: MakeClient, server: FaultServer) -> None:
    client = make_client(cache=HttpCache())
    lasting = query("Cache-Control:max-age=60")

    def uses() -> list[str | None]:
        return [
            client.get(path, query=lasting | more).cached
            for path in ("/kept", "/kept/7", "/kept/8")
            for more in ({}, {"page": 1})
        ]

    assert uses() == [None] * 6
    assert uses() == ["fresh"] * 6
    client.patch("/kept/7", json={})
    assert uses() == [None] * 4 + ["fresh"] * 2
    client.post("/kept", json={})
    assert uses() == [None] * 2 + ["fresh"] * 4


def test_a_write_of_which_nobody_knows_makes_forgotten_too(make_client: MakeClient, server: FaultServer) -> None:
    client = make_client(cache=HttpCache(ttl_seconds=60), retries=NO_RETRIES)
    paths = ("/hangs-up", "/status/404")
    client.get("/hangs-up", query={"times": 0})
    client.get("/status/404", query={"times": 0})

    for path in paths:
        with pytest.raises(errors.IntegrationError):
            client.post(path)

    # The first may have happened, the second was refused.
    assert [client.get(path, query={"times": 0}).cached for path in paths] == [None, "fresh"]


def test_errors_are_not_kept(make_client: MakeClient, server: FaultServer) -> None:
    client = make_client(cache=HttpCache(ttl_seconds=3600), retries=NO_RETRIES)

    for _ in range(2):
        with pytest.raises(errors.RemoteNotFound):
            client.get("/status/404")

    assert len(server.heard) == 2


def test_a_kept_answer_is_judged_by_who_asks(make_client: MakeClient, server: FaultServer, clock: FakeClock) -> None:
    cache = HttpCache(ttl_seconds=60, clock=clock)
    stern = make_client(
        cache=cache, retries=NO_RETRIES, judge=lambda answer, now: errors.Unavailable("inside") if answer.body else None
    )
    make_client(cache=cache).get("/kept/a")

    with pytest.raises(errors.Unavailable, match="inside"):
        stern.get("/kept/a")
    with pytest.raises(errors.Unavailable, match="inside"):
        stern.get("/kept/a", fallback=Stale())
    with pytest.raises(errors.ResponseTooLarge):
        make_client(cache=cache, max_bytes=0).get("/kept/a")
    assert len(server.heard) == 4


def test_pages_are_kept(make_client: MakeClient, server: FaultServer) -> None:
    client = make_client(cache=HttpCache(ttl_seconds=60))
    read = lambda: [one["id"] for one in client.records("/listing", style=LinkHeader(), records="records")]  # noqa: E731

    assert read() == read() == [1, 2, 3, 4, 5, 6]
    assert len(server.heard) == 3


def test_the_last_answer_stands_in_when_the_system_is_away(
    make_client: MakeClient, server: FaultServer, clock: FakeClock
) -> None:
    reports = Reports()
    client = make_client(cache=HttpCache(clock=clock), retries=NO_RETRIES, observers=[reports])
    asked = query("Cache-Control:max-age=60", fails_after=1)
    client.get("/kept/a", query=asked)
    clock.advance(3600)

    answer = client.get("/kept/a", query=asked, fallback=Stale())

    assert (answer.cached, answer.instead_of, answer.body, answer.status) == ("stale", "system_unavailable", b"1", 200)
    assert [error.code for error in reports.fallbacks] == ["system_unavailable"]
    assert (reports.ended_calls[-1].code, reports.ended_calls[-1].cached) == ("system_unavailable", "stale")
    assert client.json("GET", "/kept/a", query=asked, fallback=Stale(otherwise=0)) == 0
    with pytest.raises(errors.Unavailable):
        client.get("/kept/a", query=asked)
    with pytest.raises(errors.Unavailable):
        client.get("/kept/a", query=asked, fallback=Stale(max_stale_seconds=3000))


def test_the_system_itself_may_allow_it_for_a_time_or_forbid_it(
    make_client: MakeClient, server: FaultServer, clock: FakeClock
) -> None:
    client = make_client(cache=HttpCache(clock=clock), retries=NO_RETRIES)
    allowed = query("Cache-Control:max-age=60, stale-if-error=600", fails_after=1)
    forbidden = query("Cache-Control:max-age=60, must-revalidate", fails_after=1)
    client.get("/kept/a", query=allowed)
    client.get("/kept/b", query=forbidden)
    clock.advance(600)

    assert client.get("/kept/a", query=allowed).instead_of == "system_unavailable"
    with pytest.raises(errors.Unavailable):
        client.get("/kept/b", query=forbidden, fallback=Stale())
    clock.advance(61)
    with pytest.raises(errors.Unavailable):
        client.get("/kept/a", query=allowed)


def test_an_open_circuit_is_bridged_too(make_client: MakeClient, server: FaultServer, clock: FakeClock) -> None:
    client = make_client(cache=HttpCache(clock=clock), retries=NO_RETRIES, breaker=Breaker("acme", failures_to_open=1))
    client.get("/kept/a", query=query())
    with pytest.raises(errors.Unavailable):
        client.get("/status/500")

    answer = client.get("/kept/a", query=query(), fallback=Stale())

    assert (answer.cached, answer.instead_of) == ("stale", "circuit_open")
    assert len(server.at("/kept/a")) == 1


def test_a_fallback_that_is_a_value_is_an_answer_that_says_so(make_client: MakeClient) -> None:
    client = make_client(retries=NO_RETRIES)

    answer = client.get("/status/503", fallback={"rates": {}})

    assert (answer.document, answer.instead_of, answer.status) == ({"rates": {}}, "system_unavailable", 0)
    with pytest.raises(errors.RemoteNotFound):
        client.get("/status/404", fallback={})
