"""What workers do whatever wakes them: the same tests for the embedded engine, for RabbitMQ and for Redis."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict

import pytest

from gateway.clock import MICROSECONDS
from tests.integration.engines.conftest import Fleet
from tests.services.gateway_process import Program
from tests.services.waiting import until


@pytest.fixture(scope="module")
def workers(fleet: Fleet) -> tuple[Program, Program]:
    """Two, for all tests here but those that end one."""
    return fleet.worker(name="first"), fleet.worker(name="second")


def test_each_is_tried_once(fleet: Fleet, workers: tuple[Program, Program]) -> None:
    ids = fleet.add(fleet.destination("app"), 300)
    fleet.wait_until(ids)
    assert Counter(fleet.tries(ids)) == Counter((id_, "1") for id_ in ids)


def test_keys_keep_their_order_over_both(fleet: Fleet, workers: tuple[Program, Program]) -> None:
    ids = fleet.add(fleet.destination("ordered", path="/ordered", ordering_key="key"), 30, keys=["a", "b", "c"])
    fleet.wait_until(ids)
    seen: dict[str, list[int]] = defaultdict(list)
    for one in fleet.sink.at("/ordered"):
        body = json.loads(one.body)
        seen[body["key"]].append(body["n"])
    assert seen == {key: list(range(30)) for key in "abc"}


def test_what_fails_is_tried_again_and_ends(fleet: Fleet, workers: tuple[Program, Program]) -> None:
    ids = fleet.add(fleet.destination("broken", path="/fails", schedule=[1, 1]), 2)
    fleet.wait_until(ids, "dead")
    assert Counter(fleet.tries(ids)) == Counter((id_, number) for id_ in ids for number in "123")


def test_nothing_is_tried_before_its_time_and_nothing_much_later(
    fleet: Fleet, workers: tuple[Program, Program]
) -> None:
    due_at = time.monotonic() + 1.5
    ids = fleet.add(fleet.destination("later", path="/later"), 1, due_in_us=round(1.5 * MICROSECONDS))
    fleet.sink.wait_for(1, "/later")
    assert time.monotonic() >= due_at - 0.2
    fleet.wait_until(ids)


def test_what_nobody_announced_is_found(fleet: Fleet, workers: tuple[Program, Program]) -> None:
    ids = fleet.add(fleet.destination("unheard", path="/unheard"), 20, announces=False)
    fleet.wait_until(ids)
    assert len(fleet.tries(ids)) == 20


def test_a_rate_holds_for_both_together(fleet: Fleet, workers: tuple[Program, Program]) -> None:
    ids = fleet.add(fleet.destination("paced", path="/paced", rate=10), 25)
    began = time.monotonic()
    fleet.wait_until(ids)
    # A second's worth goes at once.
    assert time.monotonic() - began > 1.0


def test_told_to_end_it_gives_back_what_it_holds(fleet: Fleet) -> None:
    worker = fleet.worker("--shutdown-deadline", "1s", name="ending")
    destination = fleet.destination("slow", path="/slow", timeout=2, concurrency=4)
    ids = fleet.add(destination, 4)
    fleet.sink.wait_for(4, "/slow")
    began = time.monotonic()
    worker.terminate()
    assert worker.wait() == 0, worker.log()
    assert time.monotonic() - began < 40
    assert '"message": "stopped"' in worker.log()
    until(lambda: "leased" not in fleet.states(ids), "nothing is held")


def test_told_twice_it_does_not_wait(fleet: Fleet, workers: tuple[Program, Program]) -> None:
    first, second = workers
    second.terminate()
    assert second.wait() == 0, second.log()
    ids = fleet.add(fleet.destination("stuck", path="/slow", timeout=60), 3)
    until(lambda: len(fleet.tries(ids)) == 3, "all are in flight")
    first.terminate()
    first.wait_for_log("no more claims")
    began = time.monotonic()
    first.terminate()
    assert first.wait() == 0, first.log()
    assert time.monotonic() - began < 40
    assert fleet.states(ids) == {"pending"}
