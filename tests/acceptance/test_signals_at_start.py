"""Signals that meet a web process at any moment of its start: none is lost, the process ends in order."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.services.gateway_process import Installation, Program
from tests.services.waiting import until

pytestmark = pytest.mark.faults

# How many moments of a start a signal is to meet. SIGTERM is what operators send, so it is tried most.
MOMENTS = {signal.SIGTERM: 10, signal.SIGINT: 4}
# On a busy machine a start may be over before this process gets to see it.
TRIES_PER_MOMENT = 6
# A web process that never heard the signal would serve for ever.
END_SECONDS = 20.0
SERVES = "server listening"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Program]:
    """gunicorn with one web process, which it replaces when it ends."""
    with Installation(tmp_path / "installation") as installation:
        installation.gateway("db", "upgrade")
        yield installation.web("--workers", "1")


def born_after(web: Program, gone: int | None) -> psutil.Process:
    """The web process that takes the place of `gone`, as soon as it exists."""
    children = Path(f"/proc/{web.pid}/task/{web.pid}/children")

    def born() -> list[int]:
        return [child for child in map(int, children.read_text().split()) if child != gone]

    return psutil.Process(until(born, web.log, every_seconds=0.0005)[0])


def started_for(worker: psutil.Process, seconds: float, web: Program) -> tuple[float, bool]:
    """Wait until the first thread of a start has had so much processor time, however busy the machine is, or the start
    is over: how much it has had, and whether it serves by now.
    """
    spent = Path(f"/proc/{worker.pid}/schedstat")
    served = web.log().count(SERVES)

    def taken() -> float:
        return int(spent.read_text().split()[0]) / 1e9

    def serves() -> bool:
        return web.log().count(SERVES) > served

    until(lambda: taken() >= seconds or serves(), web.log, every_seconds=0.001)
    return taken(), serves()


def end(worker: psutil.Process, number: signal.Signals, web: Program) -> None:
    worker.send_signal(number)
    until(lambda: not worker.is_running(), web.log, timeout_seconds=END_SECONDS)


@pytest.mark.parametrize("number", MOMENTS, ids=lambda number: number.name)
def test_a_signal_at_any_moment_of_the_start_ends_a_web_process(web: Program, number: signal.Signals) -> None:
    worker = born_after(web, None)
    end(worker, number, web)
    worker = born_after(web, worker.pid)
    start_seconds, _ = started_for(worker, math.inf, web)
    end(worker, number, web)
    met = tries = 0
    while met < MOMENTS[number] and tries < MOMENTS[number] * TRIES_PER_MOMENT:
        tries += 1
        worker = born_after(web, worker.pid)
        # Closest together where the process is born: it listens to signals long before it serves.
        moment = (met / MOMENTS[number]) ** 2
        taken_seconds, serves = started_for(worker, start_seconds * moment, web)
        end(worker, number, web)
        if serves:
            start_seconds = min(start_seconds, taken_seconds)
        else:
            met += 1
    assert met == MOMENTS[number], f"a start of {start_seconds:g} s was met {met} times in {tries}"
    assert web.log().count("Worker exiting") == tries + 2
    assert "was sent" not in web.log(), "a web process was killed, instead of ending in order"
