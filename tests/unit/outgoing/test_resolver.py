"""Resolvers: the machine's, a fixed one, and threads for event loops."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from gateway.outgoing.resolver import LookupThreads, Resolver, StaticResolver, SystemResolver


def test_the_system_resolver_knows_this_machine() -> None:
    assert set(SystemResolver().resolve("localhost")) <= {"127.0.0.1", "::1"}
    assert SystemResolver().resolve("127.0.0.1") == ["127.0.0.1"]


def test_the_system_resolver_says_when_a_name_is_unknown() -> None:
    with pytest.raises(OSError, match=r".+"):
        SystemResolver().resolve("nothing.invalid")


def test_the_static_resolver_answers_in_turn_and_stays_at_the_last() -> None:
    resolver = StaticResolver({"h": [["8.8.8.8"], ["127.0.0.1"]]})
    assert [resolver.resolve("h") for _ in range(3)] == [["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"]]
    with pytest.raises(socket.gaierror):
        resolver.resolve("other")


class Hanging:
    """A resolver whose name server answers when it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.told = threading.Event()

    def resolve(self, host: str) -> list[str]:
        self.asked.set()
        assert self.told.wait(10)
        return [host]


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    resolver = Hanging()
    yield resolver
    resolver.told.set()


def look_up(resolver: Resolver, host: str) -> list[str]:
    async def go() -> list[str]:
        with closing(LookupThreads(resolver)) as lookups:
            return await lookups.resolve(host)

    return asyncio.run(go())


def test_an_event_loop_gets_the_same_answers() -> None:
    assert look_up(StaticResolver({"h": [["8.8.8.8"]]}), "h") == ["8.8.8.8"]
    with pytest.raises(socket.gaierror):
        look_up(StaticResolver({}), "h")


def test_a_lookup_that_hangs_holds_up_neither_the_loop_nor_its_end(hanging: Hanging) -> None:
    async def go() -> bool:
        lookups = LookupThreads(hanging)
        waiting = asyncio.ensure_future(lookups.resolve("h"))
        # The loop is free while the thread waits.
        assert await asyncio.to_thread(hanging.asked.wait, 10)
        waiting.cancel()
        lookups.close()
        return hanging.told.is_set()

    assert asyncio.run(go()) is False
