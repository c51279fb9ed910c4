"""Who is taken, in all and of each client."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from gateway.server.host.clients import ClientCounts
from gateway.server.host.service import Service
from tests.services.for_each import for_each_row
from tests.services.loop_server import BOUNDS

STRANGER = "203.0.113.9"


class Peer:
    """A connection of `peer`."""

    def __init__(self, peer: str | None = STRANGER) -> None:
        self.peer = peer
        self.is_open = True
        self.is_coming = False

    def give_up(self, now: float) -> None:
        """It waits for nothing."""

    def end(self) -> None:
        self.is_open = False

    def abort(self) -> None:
        self.is_open = False


async def _unused(_scope: object, _receive: object, _send: object) -> None:
    raise AssertionError


def service(connections: int = 100, per_client: int | None = 2) -> Service:
    bounds = replace(BOUNDS, connections=connections, connections_per_client=per_client)
    loop = asyncio.new_event_loop()
    try:
        return Service(_unused, loop=loop, log=logging.getLogger("test"), bounds=bounds)
    finally:
        loop.close()


@for_each_row(
    ("one", "another", "are_one_client"),
    [
        (STRANGER, STRANGER, True),
        (STRANGER, "203.0.113.10", False),
        (STRANGER, f"::ffff:{STRANGER}", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("127.0.0.1", "127.0.0.1", False),
        ("::1", "::1", False),
        ("::ffff:127.0.0.1", "127.0.0.1", False),
        (None, None, False),
        ("", "", False),
        ("/run/gateway.sock", "/run/gateway.sock", False),
    ],
)
def test_clients(one: str | None, another: str | None, are_one_client: bool) -> None:
    counts = ClientCounts(1)
    assert counts.enter(one)
    assert counts.enter(another) is not are_one_client
    counts.leave(one)
    assert counts.enter(one)


def test_a_client_has_so_many_connections_and_more_when_some_close() -> None:
    taken = service()
    first, second, third, other = Peer(), Peer(), Peer(), Peer("198.51.100.1")
    assert [taken.admit(one) for one in (first, second, third, other)] == [True, True, False, True]
    taken.closed(third)
    assert not taken.admit(third)
    taken.closed(first)
    taken.closed(first)
    assert taken.admit(third)
    assert not taken.admit(first)
    assert len(taken.connections) == 3


def test_behind_proxies_clients_are_not_told_apart() -> None:
    taken = service(per_client=None)
    assert all(taken.admit(Peer()) for _ in range(50))


def test_where_there_are_enough_the_one_makes_room_that_was_waited_for_the_longest() -> None:
    taken = service(connections=3, per_client=3)
    used, silent, later, newest = (Peer() for _ in range(4))
    for one in (used, silent, later):
        assert taken.admit(one)
    taken.asked(used)
    assert taken.admit(Peer("198.51.100.1"))
    assert (used.is_open, silent.is_open, later.is_open) == (True, False, True)
    assert len(taken.connections) == 3
    for one in tuple(taken.connections):
        taken.asked(one)
    assert not taken.admit(newest)
    # Asking now and then holds no place.
    taken.answered_all(used)
    assert taken.admit(newest)
    assert not used.is_open
    taken.asked(newest)
    assert not taken.admit(Peer("198.51.100.2"))
    # Nor does a request that does not come to its end.
    later.is_coming = newest.is_coming = True
    assert taken.admit(Peer("198.51.100.2"))
    assert (later.is_open, newest.is_open) == (False, True)


def test_refusals_are_told_of_together(caplog: pytest.LogCaptureFixture) -> None:
    taken = service(per_client=1)
    for _ in range(5):
        taken.admit(Peer())
    taken.sweep()
    taken.sweep()
    assert [record.getMessage().split()[0] for record in caplog.records] == ["4"]


def test_each_refusal_is_told_to_the_application_with_its_reason() -> None:
    told: list[str] = []
    taken = service(connections=2, per_client=1)
    taken.state["refused"] = told.append
    first, second = Peer(), Peer("198.51.100.1")
    assert taken.admit(first)
    assert not taken.admit(Peer())
    assert taken.admit(second)
    assert told == ["client_full"]
    assert taken.admit(Peer("198.51.100.2"))
    assert told == ["client_full", "displaced"]
    for one in tuple(taken.connections):
        taken.asked(one)
    assert not taken.admit(Peer("198.51.100.3"))
    assert told == ["client_full", "displaced", "full"]


def test_many_refused_requests_are_told_of_together(caplog: pytest.LogCaptureFixture) -> None:
    served = service()
    for _ in range(500):
        served.refuse_request(STRANGER, "no request")
    told = len(caplog.messages)
    served.loop = asyncio.new_event_loop()
    served.sweep()
    served.sweep()
    served.loop.close()

    assert told == 10
    assert caplog.messages[told:] == ["490 more requests were refused as invalid"]
