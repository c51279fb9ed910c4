"""Who asks for a job may carry it out itself: seen and stopped from elsewhere, and gone on with when it is killed."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.paging import PageRequest
from gateway.errors import Conflict, StorageUnavailable
from gateway.installation import Installation
from gateway.jobs.here import carry_out_here
from gateway.jobs.interruption import JobInterrupted, Reason
from gateway.jobs.kind import Kind, Result
from gateway.jobs.management import cancel_job, retry_job
from gateway.jobs.request import Holder, request_job
from gateway.jobs.run import JobRun
from gateway.jobs.runner import JobRunner
from gateway.jobs.search import find_jobs
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import act
from tests.integration.jobs.conftest import Work
from tests.integration.jobs.kinds import COUNTING, PLAIN, Refusal, count, die_amid, refuse
from tests.services.acting import TESTER
from tests.services.waiting import until


def here(
    installation: Installation, kind: Kind, n: int, told: list[str] | None = None, *, is_alone: bool = False
) -> Result:
    def ask(holder: Holder) -> JobSummary:
        with act(installation, actor=TESTER, write=True) as acting:
            return request_job(acting, kind, {"n": n}, holder=holder)

    def tell(done: int, total: int | None, line: str | None) -> None:
        if told is not None:
            told.append(f"{done}/{total} {line}")

    return carry_out_here(installation, kind, ask, actor=TESTER, on_progress=tell, is_alone=is_alone)


def only_job(work: Work) -> JobSummary:
    with work.system(write=False) as acting:
        [found] = find_jobs(acting, PageRequest()).rows
    return found


def test_it_is_done_and_told(work: Work) -> None:
    told: list[str] = []
    assert here(work.installation, COUNTING, 3, told) == {"number": 3}
    assert told == ["1/3 at 1", "2/3 at 2", "3/3 at 3"]
    done = only_job(work)
    assert (done.state, done.result, done.progress_done) == ("succeeded", {"number": 3}, 3)
    assert work.claim() == []


def test_no_worker_takes_what_is_carried_out_elsewhere(work: Work) -> None:
    def look(_run: JobRun) -> Result:
        assert work.claim() == []
        running = only_job(work)
        assert (running.state, running.asker_name) == ("running", "tester")
        assert running.worker is not None
        return None

    here(work.installation, replace(PLAIN, run=look), 0)


def test_what_it_raises_is_raised_and_kept(work: Work) -> None:
    with pytest.raises(Refusal):
        here(work.installation, replace(PLAIN, run=refuse, retry_seconds=(1.0,)), 1)
    failed = only_job(work)
    # Whoever asked is told, and asks again or does not.
    assert (failed.state, failed.error) == ("failed", "not now")


def test_cancelled_from_elsewhere_it_ends(work: Work) -> None:
    def cancelled_amid(run: JobRun) -> Result:
        with work.acting() as acting:
            cancel_job(acting, run.id)
        return count(run)

    with pytest.raises(Conflict, match="was cancelled"):
        here(work.installation, replace(PLAIN, run=cancelled_amid), 3)
    assert only_job(work).state == "cancelled"
    assert work.counted() == []


def test_interrupted_from_the_keyboard_it_is_cancelled(work: Work) -> None:
    def interrupted(_run: JobRun) -> Result:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        here(work.installation, replace(PLAIN, run=interrupted), 0)
    assert only_job(work).state == "cancelled"


@pytest.mark.parametrize(("is_alone", "state"), [(False, "succeeded"), (True, "failed")])
def test_killed_a_worker_goes_on_where_it_can(settings: Settings, work: Work, is_alone: bool, state: str) -> None:
    child = os.fork()
    if child == 0:
        try:
            with Installation(settings, clock=FakeClock()) as installation:
                here(installation, replace(PLAIN, run=die_amid), 5, is_alone=is_alone)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    runner = JobRunner(work.installation, {PLAIN.name: COUNTING})

    def is_over() -> bool:
        runner.step()
        work.clock.advance(2)
        return only_job(work).state not in {"pending", "running"}

    until(is_over, "a worker to go on", every_seconds=0.01)
    ended = only_job(work)
    assert ended.state == state
    assert work.counted() == ([1, 2] if is_alone else [1, 2, 3, 4, 5])
    if is_alone:
        assert "nobody else" in (ended.error or "")
        with pytest.raises(Conflict, match="ask for it again"), work.acting() as acting:
            retry_job(acting, ended.id)


@pytest.mark.parametrize("fault", [StorageUnavailable("no route to 10.1.2.3"), JobInterrupted(Reason.LOST)])
@pytest.mark.parametrize(
    ("is_alone", "state", "told"), [(False, "pending", "left to a worker"), (True, "failed", "ask for it again")]
)
def test_without_its_database_a_worker_goes_on_where_it_can(
    work: Work, fault: Exception, is_alone: bool, state: str, told: str
) -> None:
    def break_amid(run: JobRun) -> Result:
        def amid(number: int) -> None:
            if number == 3:
                raise fault

        return count(run, amid)

    with pytest.raises(StorageUnavailable, match=told):
        here(work.installation, replace(PLAIN, run=break_amid), 4, is_alone=is_alone)
    left = only_job(work)
    assert (left.state, left.worker, left.progress_done) == (state, None, 2)
    # Tenants read it.
    assert "10.1.2.3" not in (left.error or "")


def test_its_own_error_is_raised_also_where_that_cannot_be_recorded(work: Work) -> None:
    def refuse_strangely(_run: JobRun) -> Result:
        raise Refusal("\udcff is not there")

    with pytest.raises(Refusal):
        here(work.installation, replace(PLAIN, run=refuse_strangely), 0)
    ended = only_job(work)
    assert (ended.state, ended.error_code) == ("failed", "outcome_not_storable")
