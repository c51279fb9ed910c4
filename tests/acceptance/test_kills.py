"""kill -9 in the middle of a burst: every acknowledged event is stored once and delivered, none is stuck.

Each kind of process on one database; `tests/crash` kills all of them on both.
"""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from tests.services.gateway_process import Installation
from tests.services.github_sender import GithubSender
from tests.services.sink_thread import SinkThread
from tests.services.tables import Tables
from tests.services.waiting import until

from .burst import require_nothing_lost, route_to

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_web_processes_killed_in_a_burst(installation: Installation, sink: SinkThread, tables: Tables) -> None:
    route_to(installation, sink)
    program = installation.run()
    sender = GithubSender(installation.port)
    with sender.sending():
        for _ in range(3):
            sender.wait_for(200)
            for pid in program.web_workers():
                os.kill(pid, signal.SIGKILL)
        sender.wait_for(200)
        # Nothing serves without its master: it is started again as a worker is.
        master = program.web_master()
        os.kill(master, signal.SIGKILL)
        until(lambda: set(program.children("gunicorn")) - {master}, lambda: "no other master", timeout_seconds=60)
        sender.wait_for(200)
    assert sender.answers[0], "nothing was killed in the middle of a request"
    assert len(sender.acknowledged) >= 1000
    require_nothing_lost(sender, sink, tables)


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_worker_killed_in_a_burst(installation: Installation, sink: SinkThread, tables: Tables) -> None:
    route_to(installation, sink)
    installation.web("--workers", "1")
    # Slowly: what comes while a worker works has to be delivered too.
    sender = GithubSender(installation.port, pause_seconds=0.008)
    was_amid = False
    with sender.sending():
        for round_ in range(10):
            worker = installation.start("worker")
            # On a busy machine that takes long, and what came meanwhile would take longer.
            with sender.holding():
                worker.wait_for_log("worker started")
            before = len(sink.at())
            sink.wait_for(before + 200)
            worker.kill()
            was_amid = was_amid or "leased" in tables.states()
            if was_amid and round_ >= 2:
                break
        sender.wait_for(1)
    assert was_amid, "nothing was killed in the middle of a delivery"
    installation.start("worker")
    require_nothing_lost(sender, sink, tables)
    outcomes = tables.outcomes()
    # On a busy machine some take longer than their timeout, and are tried once more.
    assert set(outcomes) <= {"delivered", "lease_expired", "timeout"}
    assert len(sink.at()) <= sum(outcomes.values())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_supervisor_killed_in_a_burst(installation: Installation, sink: SinkThread, tables: Tables) -> None:
    route_to(installation, sink)
    program = installation.run()
    sender = GithubSender(installation.port)
    with sender.sending():
        sender.wait_for(200)
        orphans = [process for process in installation.processes() if process.pid != program.pid]
        assert len(orphans) >= 4
        program.kill()
        until(lambda: not any(map(_is_alive, orphans)), lambda: f"its children live on: {orphans}")
        installation.run()
        sender.wait_for(200)
    require_nothing_lost(sender, sink, tables)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
