"""Machines are given a part of the work by the queues that they take."""

from __future__ import annotations

import pytest

from tests.integration.engines.conftest import Fleet
from tests.services.waiting import until

pytestmark = pytest.mark.parametrize("engine", ["redis"], indirect=True)


def test_who_takes_a_kind_of_jobs_does_these_and_nothing_else(fleet: Fleet) -> None:
    destination = fleet.destination("app")
    deliverer = fleet.worker("-Q", "deliveries", name="deliverer")
    ids = fleet.add(destination, 3)
    fleet.wait_until(ids)
    said = fleet.processes.gateway("events", "replay", "--type", "push", "--all", "--to", "app", "--yes", "--detach")
    assert "job_" in said
    (job,) = fleet.processes.json("jobs", "list")["data"]
    replayer = fleet.worker("-Q", "jobs.events.replay", name="replayer")
    until(lambda: _state(fleet, job["id"]) == "succeeded", lambda: _state(fleet, job["id"]))
    until(lambda: len(fleet.tries(ids)) == 6 or fleet.sink.all(), "delivered again")
    for program in (deliverer, replayer):
        program.terminate()
        assert program.wait() == 0, program.log()
    assert "job" not in deliverer.log()


def test_a_queue_that_there_is_none_of_is_said(fleet: Fleet) -> None:
    said = fleet.processes.gateway_process("worker", "-Q", "nonsense", code=1)
    assert "there is no such queue among nonsense; there are deliveries, jobs." in said


def _state(fleet: Fleet, job_id: str) -> str:
    return str(fleet.processes.json("jobs", "show", job_id)["state"])
