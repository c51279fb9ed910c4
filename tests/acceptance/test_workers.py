"""Two workers on one database: each try once, and ordering keys hold across both."""

from __future__ import annotations

import itertools
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.services.gateway_process import Installation
from tests.services.github_sender import SOURCE, GithubSender
from tests.services.sink_thread import SinkThread
from tests.services.tables import Tables
from tests.services.waiting import until

pytestmark = pytest.mark.faults

EVENTS = 500
SCHEDULE = [1, 1, 1, 1, 1]


def test_two_workers_share_the_work(installation: Installation, sink: SinkThread, tables: Tables) -> None:
    installation.apply(
        sources=[SOURCE],
        destinations=[
            {"name": "app", "url": sink.url(), "schedule": SCHEDULE},
            {"name": "ordered", "url": sink.url("/ordered"), "ordering_key": "key", "schedule": SCHEDULE},
        ],
        routes=[{"source": "github", "to": "app"}, {"source": "github", "to": "ordered"}],
    )
    first = installation.run("--workers", "1")
    second = installation.start("worker")
    second.wait_for_log("worker started")
    sender = GithubSender(installation.port)
    with sender.sending(EVENTS):
        sender.join()
    assert len(sender.acknowledged) == EVENTS
    tables.wait_until_all_are("delivered")
    for path in ("/hook", "/ordered"):
        tries = Counter((one.header("webhook-id"), one.header("gateway-attempt")) for one in sink.at(path))
        assert set(tries.values()) == {1}
        assert len(tries) == EVENTS
    _require_order(sink)
    # Both took part, and both end in order.
    for program in (second, first):
        program.terminate()
        assert program.wait() == 0, program.log()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_web_processes_and_worker_of_one_run_share_a_pipe(
    installation: Installation, sink: SinkThread, tables: Tables
) -> None:
    installation.apply(
        sources=[SOURCE],
        destinations=[{"name": "app", "url": sink.url()}],
        routes=[{"source": "github", "to": "app"}],
    )
    program = installation.run()
    sender = GithubSender(installation.port)
    with sender.sending(50):
        sender.join()
    tables.wait_until_all_are("delivered")
    (pipe,) = _pipes(program.worker())
    assert {pipe} == set().union(*map(_pipes, program.web_workers()))
    assert pipe.is_fifo()
    program.terminate()
    assert program.wait() == 0, program.log()
    assert not pipe.parent.exists()


def _pipes(pid: int) -> set[Path]:
    """The named pipes for wake-ups that a process has open."""
    opened = [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()]
    return {Path(one) for one in opened if "gateway-wakeup-" in one}


def _require_order(sink: SinkThread) -> None:
    """What has the same key came in the order in which it was sent, one acknowledged before the next."""
    by_key: dict[int, list[int]] = {}
    for one in sink.at("/ordered"):
        body = json.loads(one.body)
        by_key.setdefault(body["key"], []).append(body["number"])
    assert len(by_key) == 8
    late = {key: [a for a, b in itertools.pairwise(numbers) if a > b] for key, numbers in by_key.items()}
    assert not any(late.values()), late


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_handler_that_hangs_and_one_that_crashes_take_nobody_along(
    installation: Installation, sink: SinkThread, tables: Tables
) -> None:
    (installation.directory / "shop_handlers.py").write_text(HANDLERS)
    installation.environment["PYTHONPATH"] = ":".join(
        (str(installation.directory), installation.environment.get("PYTHONPATH", ""))
    )
    installation.environment["GATEWAY_HANDLERS"] = "shop_handlers"
    installation.environment["GATEWAY_DELIVERY_SCHEDULE"] = "0.2"
    installation.apply(
        sources=[SOURCE],
        destinations=[{"name": "app", "url": sink.url()}],
        routes=[{"source": "github", "to": "app"}],
    )
    program = installation.run()
    sender = GithubSender(installation.port, threads=2)
    with sender.sending(20):
        sink.wait_for(20)
    until(lambda: not {"pending", "leased"} & set(tables.states()), lambda: tables.states())
    query = "SELECT d.name, a.outcome, count(*) FROM attempts a JOIN deliveries l ON l.id = a.delivery_id "
    query += "JOIN destinations d ON d.id = l.destination_id GROUP BY d.name, a.outcome"
    assert {tuple(row) for row in tables.rows(query)} == {
        ("app", "delivered", 20),
        ("shop_handlers:returns", "delivered", 20),
        ("shop_handlers:hangs", "delivered", 18),
        ("shop_handlers:hangs", "handler_timeout", 4),
        ("shop_handlers:exits", "delivered", 18),
        ("shop_handlers:exits", "handler_crashed", 4),
    }
    assert program.log().count("worker started") == 1


HANDLERS = """
import os
import threading

from gateway.handlers import on


@on("github", "push")
def returns(event):
    return event.json["number"]


@on("github", "push", timeout_seconds=1)
def hangs(event):
    if event.json["number"] < 2:
        threading.Event().wait()


@on("github", "push")
def exits(event):
    if event.json["number"] < 2:
        os._exit(7)
"""
