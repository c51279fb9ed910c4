"""Jobs are carried out, left, cut off, tried again and gone on with; never twice at once, and no step twice."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.installation import Installation
from gateway.jobs.interruption import Interruption, JobInterrupted, Reason
from gateway.jobs.kind import Kind, Result
from gateway.jobs.management import cancel_job
from gateway.jobs.models import UNKNOWN_KIND, JobState
from gateway.jobs.queue.takeover import MOST_DEATHS
from gateway.jobs.run import JobRun
from gateway.jobs.runner import LEAVE_SECONDS, TURN_SECONDS, JobRunner
from gateway.jobs.summary import JobSummary
from tests.integration.jobs.conftest import Work
from tests.integration.jobs.kinds import (
    COUNTING,
    PLAIN,
    Gate,
    Refusal,
    count,
    die,
    die_amid,
    die_leaving_another,
    hang,
    leave,
    miss,
    refuse,
    see_running,
    wait,
    who,
)
from tests.services.waiting import until

IN_PROCESS = replace(PLAIN, in_process=True)


def runner_of(work: Work, *kinds: Kind, slots: int = 4) -> JobRunner:
    return JobRunner(work.installation, {kind.name: kind for kind in kinds}, slots=slots)


def drive(runner: JobRunner, condition: Callable[[], bool], *, advancing: FakeClock | None = None) -> None:
    """Let the runner make its passes until `condition` holds; with `advancing` seconds pass meanwhile."""

    def is_there() -> bool:
        runner.step()
        if advancing is not None:
            advancing.advance(2)
        return condition()

    until(is_there, "a runner to come so far", every_seconds=0.01)


def has_state(work: Work, job: JobSummary, state: str) -> Callable[[], bool]:
    return lambda: work.show(job).state == state


def finished(work: Work, kind: Kind | None, state: str) -> float:
    """How many jobs were counted, of a kind or of those that are not known."""
    labels = {"kind": UNKNOWN_KIND if kind is None else kind.name, "state": state}
    return work.installation.metrics.registry.get_sample_value("gateway_jobs_finished_total", labels) or 0


def test_it_is_carried_out_with_its_progress(work: Work) -> None:
    asked = work.ask(COUNTING, n=5)
    drive(runner_of(work, COUNTING), has_state(work, asked, "succeeded"))
    done = work.show(asked)
    assert (done.result, done.progress_done, done.progress_total, done.progress_line) == ({"number": 5}, 5, 5, "at 5")
    assert work.counted() == [1, 2, 3, 4, 5]
    assert finished(work, COUNTING, "succeeded") == 1
    with work.acting(write=False) as acting:
        # What is done is done by whoever asked for it.
        assert acting.actor.name == "tester"


def test_threads_of_its_own_carry_out_what_they_are_woken_for(settings: Settings, work: Work) -> None:
    with Installation(settings) as installation:
        runner = JobRunner(installation, {PLAIN.name: COUNTING})
        runner.start()
        try:
            work.clock.jump((installation.clock.now_us() - work.clock.now_us()) / 1_000_000)
            asked = work.ask(COUNTING, n=3)
            runner.wake()
            until(has_state(work, asked, "succeeded"), "the job to be done")
        finally:
            runner.close()
    assert runner.is_idle
    assert work.counted() == [1, 2, 3]


def test_only_the_kinds_that_it_takes(work: Work) -> None:
    other = replace(COUNTING, name="tests.other")
    asked, left = work.ask(COUNTING), work.ask(other)
    kinds = {kind.name: kind for kind in (COUNTING, other)}
    drive(JobRunner(work.installation, kinds, takes=[PLAIN.name]), has_state(work, asked, "succeeded"))
    assert work.show(left).state == "pending"


def _killed(settings: Settings, kind: Kind) -> None:
    """A worker that carries out jobs of `kind`, in a process of its own, until one kills it."""
    child = os.fork()
    if child == 0:
        try:
            with Installation(settings, clock=FakeClock()) as installation:
                drive(JobRunner(installation, {kind.name: kind}), lambda: False)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def test_killed_in_the_middle_another_worker_goes_on(settings: Settings, work: Work) -> None:
    asked = work.ask(n=8)
    _killed(settings, replace(PLAIN, run=die_amid))
    dead = work.show(asked)
    assert (dead.state, dead.progress_done) == ("running", 2)
    runner = runner_of(work, COUNTING)
    # Whoever held it may still live.
    for _ in range(5):
        runner.step()
        work.clock.advance(5)
    assert runner.is_idle
    drive(runner, has_state(work, asked, "succeeded"), advancing=work.clock)
    assert work.counted() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_job_that_kills_its_workers_is_given_up(settings: Settings, work: Work) -> None:
    asked = work.ask()
    for _ in range(MOST_DEATHS):
        _killed(settings, replace(PLAIN, run=die))
        drive(runner_of(work), lambda: work.show(asked).state != "running", advancing=work.clock)
    failed = work.show(asked)
    assert (failed.state, failed.error_code) == ("failed", "job_process_died")
    # By one that does not know the kind: labels are few.
    assert finished(work, None, "failed") == 1


def test_who_lost_its_lease_commits_nothing_more(work: Work) -> None:
    gate, heard = Gate(), []

    def stop_at_the_third(run: JobRun) -> Result:
        def amid(number: int) -> None:
            if number == 2:
                raise _Left

        try:
            count(run, amid)
        except _Left:
            gate.pass_through()
        try:
            return count(run)
        except JobInterrupted as left:
            heard.append(left.reason)
            raise

    asked = work.ask(n=4)
    frozen = runner_of(work, replace(PLAIN, run=stop_at_the_third))
    drive(frozen, gate.reached.is_set)
    other = runner_of(work, COUNTING)
    drive(other, has_state(work, asked, "succeeded"), advancing=work.clock)
    gate.opened.set()
    drive(frozen, lambda: frozen.is_idle)
    assert heard == [Reason.LOST]
    assert work.counted() == [1, 2, 3, 4]
    assert work.show(asked).result == {"number": 4}


class _Left(Exception):
    pass


def test_nobody_takes_over_amid_a_transaction(work: Work) -> None:
    if work.installation.database.is_sqlite:
        pytest.skip("writers are alone there: nobody else comes so far")
    gate = Gate()

    def slow(run: JobRun) -> Result:
        return count(run, lambda number: gate.pass_through() if number == 1 else None)

    asked = work.ask(n=2)
    holder = runner_of(work, replace(PLAIN, run=slow, timeout_seconds=600.0))
    drive(holder, gate.reached.is_set)
    other = runner_of(work, COUNTING)
    for _ in range(12):
        other.step()
        # Its lease is renewed beside the transaction.
        work.clock.advance(5)
    assert other.is_idle
    holder.step()
    gate.opened.set()
    drive(holder, has_state(work, asked, "succeeded"))
    assert work.counted() == [1, 2]


def test_one_that_runs_is_cancelled(work: Work) -> None:
    asked = work.ask()
    runner = runner_of(work, replace(PLAIN, run=wait))
    drive(runner, has_state(work, asked, "running"))
    with work.acting() as acting:
        cancel_job(acting, asked.id)
    drive(runner, has_state(work, asked, "cancelled"), advancing=work.clock)
    assert runner.is_idle
    assert (finished(work, PLAIN, "cancelled"), finished(work, PLAIN, "pending")) == (1, 0)


def test_one_that_is_cancelled_commits_nothing_more_from_that_moment(work: Work) -> None:
    gate = Gate()

    def slow(run: JobRun) -> Result:
        gate.pass_through()
        return count(run)

    asked = work.ask(n=2)
    runner = runner_of(work, replace(PLAIN, run=slow))
    drive(runner, gate.reached.is_set)
    with work.acting() as acting:
        cancel_job(acting, asked.id)
    gate.opened.set()
    drive(runner, has_state(work, asked, "cancelled"))
    assert work.counted() == []


def test_what_takes_too_long_is_left(work: Work) -> None:
    asked = work.ask()
    runner = runner_of(work, replace(PLAIN, run=wait))
    drive(runner, has_state(work, asked, "running"))
    work.clock.advance(PLAIN.timeout_seconds)
    drive(runner, has_state(work, asked, "failed"))
    assert work.show(asked).error_code == "job_timed_out"


def test_what_comes_to_no_checkpoint_is_given_up_and_commits_nothing(work: Work) -> None:
    gate, ended = Gate(), threading.Event()

    def stubborn(run: JobRun) -> Result:
        try:
            gate.pass_through()
            return count(run)
        finally:
            ended.set()

    asked = work.ask(n=1)
    runner = runner_of(work, replace(PLAIN, run=stubborn), slots=1)
    drive(runner, gate.reached.is_set)
    work.clock.advance(PLAIN.timeout_seconds)
    runner.step()
    assert work.show(asked).state == "running"
    work.clock.advance(LEAVE_SECONDS)
    drive(runner, has_state(work, asked, "failed"))
    assert runner.is_idle
    gate.opened.set()
    assert ended.wait(60)
    assert work.counted() == []


def test_failures_are_tried_again_by_the_schedule_of_the_kind(work: Work) -> None:
    kind = replace(PLAIN, run=refuse, retry_seconds=(10.0, 100.0))
    asked = work.ask(kind, n=1)
    runner = runner_of(work, kind)
    for attempts, seconds in enumerate((10, 100), start=1):
        drive(runner, lambda attempts=attempts: work.show(asked).attempts_made == attempts)
        waiting = work.show(asked)
        assert (waiting.state, waiting.error_code, waiting.error) == ("pending", "refusal", "not now")
        work.clock.advance(seconds - 1)
        runner.step()
        assert runner.is_idle
        work.clock.advance(1)
    drive(runner, has_state(work, asked, "failed"))
    assert work.show(asked).attempts_made == 3


@pytest.mark.parametrize(
    ("function", "code"), [(miss, "not_found"), (leave, "job_broke"), (lambda run: 1 / 0, "job_broke")]
)
def test_what_cannot_be_done_fails(work: Work, function: Callable[[JobRun], Result], code: str) -> None:
    kind = replace(PLAIN, run=function, retry_seconds=(10.0,) if function is miss else ())
    asked = work.ask(kind)
    drive(runner_of(work, kind), has_state(work, asked, "failed"))
    assert work.show(asked).error_code == code


@pytest.mark.parametrize(
    "result", [{"at": datetime(2026, 11, 27, tzinfo=UTC)}, {"share": float("nan")}, {"lines": "x" * 100_000}]
)
def test_a_result_that_cannot_be_kept_fails_its_job(work: Work, result: Result) -> None:
    kind = replace(PLAIN, run=lambda run: result, retry_seconds=(10.0,))
    asked = work.ask(kind)
    drive(runner_of(work, kind), has_state(work, asked, "failed"))
    assert work.show(asked).error_code == "result_not_storable"


def test_an_outcome_that_the_database_refuses_ends_its_job_and_stops_no_other(work: Work) -> None:
    def refuse_strangely(_run: JobRun) -> Result:
        # As the name of a file may be that is not UTF-8.
        raise Refusal("\udcff is not there")

    strange, other = replace(PLAIN, run=refuse_strangely, retry_seconds=(10.0,)), replace(COUNTING, name="tests.other")
    asked, beside = work.ask(strange), work.ask(other, n=2)
    runner = runner_of(work, strange, other)
    drive(runner, lambda: has_state(work, asked, "failed")() and has_state(work, beside, "succeeded")())
    assert work.show(asked).error_code == "outcome_not_storable"
    assert runner.is_idle
    assert finished(work, PLAIN, "failed") == 1
    # And what is asked for later.
    later = work.ask(other)
    drive(runner, has_state(work, later, "succeeded"))


@pytest.mark.parametrize(("is_cancelled", "state"), [(True, "cancelled"), (False, "failed")])
def test_one_that_gives_way_and_comes_to_no_checkpoint_is_given_up(work: Work, is_cancelled: bool, state: str) -> None:
    gate = Gate()

    def stubborn(_run: JobRun) -> Result:
        gate.pass_through()
        return None

    kind, other = replace(PLAIN, run=stubborn, gives_way=True), replace(COUNTING, name="tests.other")
    asked, waiting = work.ask(kind), work.ask(other)
    runner = runner_of(work, kind, other, slots=1)
    drive(runner, gate.reached.is_set)
    work.clock.advance(TURN_SECONDS)
    # It is told to give way, and does not hear it.
    runner.step()
    if is_cancelled:
        with work.acting() as acting:
            cancel_job(acting, asked.id)
    else:
        work.clock.advance(PLAIN.timeout_seconds)
    drive(runner, has_state(work, asked, state), advancing=work.clock)
    drive(runner, has_state(work, waiting, "succeeded"))
    gate.opened.set()


def test_without_a_thread_a_job_is_given_back_at_once(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Thread.start

    def start_none(thread: Thread) -> None:
        if thread.name.startswith("job "):
            raise RuntimeError("can't start new thread")
        start(thread)

    asked = work.ask(COUNTING, n=1)
    runner = runner_of(work, COUNTING)
    with monkeypatch.context() as without:
        without.setattr(Thread, "start", start_none)
        runner.step()
        runner.step()
    left = work.show(asked)
    assert (left.state, left.attempts_made) == ("pending", 0)
    assert runner.is_idle
    drive(runner, has_state(work, asked, "succeeded"), advancing=work.clock)


def test_neither_giving_way_nor_the_same_position_forgives_deaths(work: Work) -> None:
    asked = work.ask()
    for _ in range(MOST_DEATHS - 1):
        [job] = work.claim()
        assert work.end(job, JobState.PENDING, is_death=True)
        [job] = work.claim()
        run = JobRun(work.installation, job, Interruption())
        with run.begin():
            run.position = {"number": 0}
            # The first one is a step; the same again is none.
        assert work.end(job, JobState.PENDING)
    [job] = work.claim()
    assert work.end(job, JobState.PENDING, is_death=True)
    assert work.show(asked).state == "pending"
    [job] = work.claim()
    assert work.end(job, JobState.PENDING, is_death=True)
    assert work.show(asked).error_code == "job_process_died"


def test_one_that_ends_lets_go_and_another_goes_on(work: Work) -> None:
    gate = Gate()

    def slow(run: JobRun) -> Result:
        return count(run, lambda number: gate.pass_through() if number == 2 else None)

    asked = work.ask(n=4)
    ending = runner_of(work, replace(PLAIN, run=slow))
    drive(ending, gate.reached.is_set)
    ending.stop()
    ending_thread = Thread(target=lambda: until(lambda: ending.step() and ending.is_idle, "it to let go"))
    gate.opened.set()
    ending_thread.start()
    ending_thread.join()
    left = work.show(asked)
    assert (left.state, left.attempts_made) == ("pending", 0)
    # At once, without waiting for a lease to end.
    drive(runner_of(work, COUNTING), has_state(work, asked, "succeeded"))
    assert work.counted() == [1, 2, 3, 4]


def test_in_a_process_of_its_own(work: Work) -> None:
    counting, knowing = replace(IN_PROCESS, run=count), replace(IN_PROCESS, name="tests.who", run=who)
    asked, other = work.ask(counting, n=3), work.ask(knowing)
    runner = runner_of(work, counting, knowing)
    drive(runner, lambda: has_state(work, asked, "succeeded")() and has_state(work, other, "succeeded")())
    assert work.counted() == [1, 2, 3]
    assert (work.show(other).result or {})["pid"] != os.getpid()


def test_a_process_that_dies_is_told_from_a_failure(work: Work) -> None:
    kind = replace(IN_PROCESS, run=die_amid)
    asked = work.ask(kind, n=8)
    runner = runner_of(work, kind)
    drive(runner, has_state(work, asked, "failed"))
    failed = work.show(asked)
    assert (failed.error_code, failed.attempts_made, failed.progress_done) == ("job_process_died", 0, 2)
    assert work.counted() == [1, 2]


def test_a_process_that_dies_is_noticed_also_when_another_holds_its_pipe(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = tmp_path / "pids"
    monkeypatch.setenv("LEFT_PIDS", str(pids))
    kind = replace(IN_PROCESS, run=die_leaving_another)
    asked = work.ask(kind)
    try:
        drive(runner_of(work, kind), has_state(work, asked, "failed"))
    finally:
        for pid in pids.read_text().split():
            os.kill(int(pid), signal.SIGKILL)
    assert work.show(asked).error_code == "job_process_died"


def test_a_process_that_takes_too_long_is_killed(work: Work) -> None:
    kind = replace(IN_PROCESS, run=hang)
    asked = work.ask(kind)
    runner = runner_of(work, kind)
    drive(runner, has_state(work, asked, "running"))
    work.clock.advance(PLAIN.timeout_seconds)
    drive(runner, has_state(work, asked, "failed"), advancing=work.clock)
    assert work.show(asked).error_code == "job_timed_out"


def test_limits_hold_beside_another_process(settings: Settings, work: Work) -> None:
    kind = replace(PLAIN, run=see_running, concurrency=3)
    asked = [work.ask(kind) for _ in range(12)]
    child = os.fork()
    if child == 0:
        try:
            with Installation(settings, clock=FakeClock()) as installation:
                drive(JobRunner(installation, {kind.name: kind}), lambda: False)
        finally:
            os._exit(0)
    try:
        drive(runner_of(work, kind), lambda: all(work.show(one).state == "succeeded" for one in asked))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert max((work.show(one).result or {})["running"] for one in asked) <= 3
