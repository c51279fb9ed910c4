"""Signals that meet a web process at any moment of its start: none is lost, the process ends in order."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.services.gateway_process import Installation, Program
from tests.services.waiting import until

pytestmark = pytest.mark.faults

# Of processor time: a start takes about 0.2 s. SIGTERM is what operators send, so it is tried most.
STEPS = {signal.SIGTERM: 0.02, signal.SIGINT: 0.05}
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

    def born() -> list[psutil.Process]:
        return [child for child in psutil.Process(web.pid).children() if child.pid != gone]

    return until(born, web.log, every_seconds=0.0005)[0]


def started_for(worker: psutil.Process, seconds: float, web: Program) -> bool:
    """Wait until a start has taken so much processor time, however busy the machine is; whether it serves before."""
    served = web.log().count(SERVES)

    def serves() -> bool:
        return web.log().count(SERVES) > served

    def is_there() -> bool:
        times = worker.cpu_times()
        return float(times.user + times.system) >= seconds or serves()

    until(is_there, web.log, every_seconds=0.001)
    return serves()


def end(worker: psutil.Process, number: signal.Signals, web: Program) -> None:
    worker.send_signal(number)
    until(lambda: not worker.is_running(), web.log, timeout_seconds=END_SECONDS)


@pytest.mark.parametrize("number", STEPS, ids=lambda number: number.name)
def test_a_signal_at_any_moment_of_the_start_ends_a_web_process(web: Program, number: signal.Signals) -> None:
    worker = born_after(web, None)
    end(worker, number, web)
    for step in itertools.count():
        worker = born_after(web, worker.pid)
        serves = started_for(worker, step * STEPS[number], web)
        end(worker, number, web)
        if serves:
            break
    assert step > 1, "no start was met"
    assert web.log().count("Worker exiting") == step + 2
    assert "was sent" not in web.log(), "a web process was killed, instead of ending in order"
