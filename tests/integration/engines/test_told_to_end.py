"""Workers that are told to end in the middle of their work, and others that come beside them, for both engines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from sqlalchemy import text

from gateway.jobs.request import request_job
from gateway.tenants.acting import act
from gateway.tenants.models import DEFAULT_TENANT
from tests.crash.jobs import ASKER, FILE, KINDS, STEP_ACTION, STEPS
from tests.crash.mortality import FOLDER_VARIABLE
from tests.integration.engines.conftest import Fleet
from tests.services.gateway_process import ROOT, Program
from tests.services.waiting import until

# What a broker adds is the same with each; two minutes are saved.
pytestmark = pytest.mark.parametrize("engine", ["embedded", "rabbitmq"], indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def _kinds(fleet: Fleet) -> None:
    """Workers know jobs of many steps, which write down who takes which."""
    for name in ("armed", "fallen"):
        (fleet.processes.directory / name).mkdir()
    fleet.processes.environment |= {
        FOLDER_VARIABLE: str(fleet.processes.directory),
        "PYTHONPATH": f"{ROOT / 'tests' / 'crash' / 'inside'}:{ROOT}",
    }


def asked(fleet: Fleet, count: int) -> list[str]:
    """Jobs, most of them in threads and the last one in a process of its own."""
    ids = []
    for number in range(count):
        with act(fleet.ours, actor=ASKER, tenant=DEFAULT_TENANT, write=True) as acting:
            ids.append(request_job(acting, KINDS[number == count - 1], {}).id)
    return ids


def taken_steps(fleet: Fleet, jobs: Sequence[str]) -> list[tuple[str, str]]:
    """The steps that were begun: the job, and the attempt that began it."""
    path = fleet.processes.directory / FILE
    lines = path.read_text().splitlines() if path.exists() else []
    return [(job, attempt) for job, attempt, _ in map(str.split, lines) if job in jobs]


def states(fleet: Fleet, jobs: Sequence[str]) -> Counter[str]:
    """In how many of them each state is."""
    with fleet.ours.database.read() as connection:
        rows = connection.execute(text("SELECT id, state FROM jobs")).all()
    return Counter(state for id_, state in rows if id_ in jobs)


def require_each_step_once(fleet: Fleet, jobs: Sequence[str]) -> None:
    """Wait until all have succeeded, with all their steps."""
    until(lambda: states(fleet, jobs) == {"succeeded": len(jobs)}, lambda: states(fleet, jobs), timeout_seconds=120)
    with fleet.ours.database.read() as connection:
        rows = connection.execute(text("SELECT object_id FROM audit_entries WHERE action = :action"), _STEP).all()
    committed = Counter(step for (step,) in rows if step.partition(":")[0] in jobs)
    assert committed == Counter(f"{job}:{step}" for job in jobs for step in range(STEPS))


_STEP = {"action": STEP_ACTION}


def end(program: Program) -> None:
    program.terminate()
    assert program.wait() == 0, program.log()


def test_a_job_goes_on_elsewhere_from_where_it_was_when_its_worker_is_told_to_end(fleet: Fleet) -> None:
    first = fleet.worker(name="leaving")
    jobs = asked(fleet, 4)
    until(lambda: len(taken_steps(fleet, jobs)) >= 3, "it is in the middle of them")
    end(first)
    # Nobody has to wait for a lease to end.
    left = states(fleet, jobs)
    assert left["pending"] > 0, left
    assert left["pending"] + left["succeeded"] == len(jobs), left
    before = set(taken_steps(fleet, jobs))
    second = fleet.worker(name="going-on")
    require_each_step_once(fleet, jobs)
    # What was left is somebody else's now.
    assert set(taken_steps(fleet, jobs)) - before
    end(second)


def test_one_worker_after_the_other_is_exchanged_and_nothing_is_done_twice(fleet: Fleet) -> None:
    destination = fleet.destination("rolling", path="/rolling")
    old = [fleet.worker(name=f"old-{number}") for number in range(2)]
    jobs, ids = asked(fleet, 4), fleet.add(destination, 100)
    for number, program in enumerate(old):
        new = fleet.worker(name=f"new-{number}")
        jobs += asked(fleet, 2)
        ids += fleet.add(destination, 100)
        end(program)
        old[number] = new
    ids += fleet.add(destination, 100)
    fleet.wait_until(ids)
    require_each_step_once(fleet, jobs)
    assert Counter(fleet.tries(ids)) == Counter((id_, "1") for id_ in ids)
    for program in old:
        end(program)
