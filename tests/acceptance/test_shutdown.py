"""SIGTERM in the middle of a burst: nothing acknowledged is lost, tries finish or are released, and it ends in time."""

from __future__ import annotations

import re
import signal
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.services.gateway_process import Installation
from tests.services.github_sender import SOURCE, GithubSender
from tests.services.raw_http import connected, read_answer
from tests.services.sink_thread import SinkThread
from tests.services.tables import Tables
from tests.services.waiting import until

from .burst import require_nothing_lost, route_to

pytestmark = pytest.mark.faults


def test_terminated_in_a_burst(installation: Installation, sink: SinkThread, tables: Tables) -> None:
    route_to(installation, sink)
    program = installation.run()
    sender = GithubSender(installation.port)
    with sender.sending():
        sender.wait_for(500)
        program.terminate()
        began = time.monotonic()
        assert program.wait() == 0, program.log()
        assert time.monotonic() - began < 30
    assert set(sender.answers) <= {0, 200, 503}
    # In order: nothing is left in the hands of a process that is no more.
    assert "leased" not in tables.states()
    assert not installation.processes()
    assert "Traceback" not in program.log()
    installation.run()
    require_nothing_lost(sender, sink, tables)
    # On a busy machine some take longer than their timeout; but none was left to its lease.
    assert set(tables.outcomes()) <= {"delivered", "timeout"}


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_terminated_with_tries_that_never_end(installation: Installation, sink: SinkThread, tables: Tables) -> None:
    installation.apply(
        sources=[SOURCE],
        destinations=[{"name": "slow", "url": sink.url("/slow"), "timeout": 60}],
        routes=[{"source": "github", "to": "slow"}],
    )
    installation.web("--workers", "1")
    worker = installation.start("worker", "--shutdown-deadline", "1s")
    sender = GithubSender(installation.port)
    with sender.sending(20):
        sink.wait_for(20, "/slow")
    worker.terminate()
    assert worker.wait(40) == 0, worker.log()
    assert tables.states() == {"pending": 20}
    assert not tables.outcomes(), "a try that was cut off by us is no try"
    until(lambda: installation.get("/readyz").status == 200, "the web goes on")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_idle_connections_do_not_hold_up_the_end(installation: Installation) -> None:
    """As a reverse proxy holds them, for its next request: some used, some never."""
    program = installation.run()
    with ExitStack() as stack:
        connections = [stack.enter_context(connected(installation.port)) for _ in range(8)]
        for used in connections[:4]:
            used.sendall(b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n")
            answer = read_answer(used)
            assert answer is not None
            assert answer.status == 200
        program.terminate()
        began = time.monotonic()
        assert program.wait() == 0, program.log()
        assert time.monotonic() - began < 15
    assert program.log().count("Worker exiting") == 2, "a web process was killed, instead of ending in order"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_told_to_stop_while_it_starts(installation: Installation) -> None:
    """From the moment that it listens to signals at all, none is lost; before, one ends it at once."""
    installation.gateway("db", "upgrade")
    for _ in range(3):
        worker = installation.start("worker")
        until(partial(_catches, worker.pid, signal.SIGTERM), "handles SIGTERM", every_seconds=0.001)
        worker.terminate()
        assert worker.wait(60) == 0, worker.log()


def _catches(pid: int, number: signal.Signals) -> bool:
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert caught is not None
    return bool(int(caught[1], 16) >> (number - 1) & 1)
