"""The load generator and the sink against each other, in this process: every request is answered, counted and timed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from benchmarks.load import Generator, LoadProfile
from benchmarks.sink import SinkProtocol, Tally


@pytest.fixture
def tally() -> Tally:
    return Tally(keeps_arrivals=True)


@pytest.fixture
def port(tally: Tally) -> Iterator[int]:
    """A sink on a thread of its own."""
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = Future()

    async def serve() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        server = await loop.create_server(lambda: SinkProtocol(tally), "127.0.0.1", 0)
        started.set_result((loop, stopped, server.sockets[0].getsockname()[1]))
        await stopped.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    loop, stopped, number = started.result(10)
    yield number
    loop.call_soon_threadsafe(stopped.set)
    thread.join(10)


def test_every_request_is_answered_and_counted(port: int, tally: Tally) -> None:
    result = Generator(LoadProfile(port, "/hook", seconds=5, connections=8, max_requests=400)).run()

    assert (result.answered, result.failures, tally.count) == (400, {}, 400)
    assert len(tally.arrivals) == 400
    assert 0 < result.p50_ms <= result.p95_ms <= result.p99_ms <= result.max_ms


def test_a_rate_is_kept_and_sends_are_known(port: int, tally: Tally) -> None:
    profile = LoadProfile(
        port, "/hook", seconds=5, connections=4, rate_per_second=400, max_requests=200, keep_sends=True
    )
    result = Generator(profile).run()

    assert result.answered == 200
    assert result.sends.keys() == tally.arrivals.keys()
    assert all(tally.arrivals[key] >= sent_at for key, sent_at in result.sends.items())


def test_an_answer_that_is_not_expected_is_a_failure(port: int) -> None:
    result = Generator(LoadProfile(port, "/hook", seconds=5, connections=2, max_requests=10, expect="accepted")).run()

    assert result.answered == 0
    assert result.failures == {"HTTP/1.1 200 OK": 10}
