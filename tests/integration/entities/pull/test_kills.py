"""A process that is killed, or loses its lease, amid a pull: another one goes on, and nothing is lost or done twice."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from sqlalchemy import Connection, event

from gateway.config import Settings
from gateway.db.engine import WRITE_OPTION
from gateway.entities.runs.course import AlreadyRunning
from gateway.entities.states import RunMode
from gateway.entities.syncing import SyncRequest, sync
from gateway.installation import Installation
from gateway.jobs.interruption import JobInterrupted
from gateway.jobs.management import cancel_job
from gateway.jobs.models import JobState
from gateway.jobs.queue.claim import ClaimedJob, JobClaimer
from gateway.jobs.queue.held import Held, Outcome, record
from gateway.jobs.run import JobRun
from tests.services.memory_system import MemoryResource, without
from tests.services.syncs import SYNC, Syncs, Waits, counted

FULL = SyncRequest(mode=RunMode.FULL, trigger="person")


def die_at_commit(installation: Installation, number: int) -> None:
    """Die in the writing transaction of this number: all of it is written, nothing is committed."""
    left = [number]

    def count(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITE_OPTION):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    event.listen(installation.database.engine, "commit", count)


def is_killed(syncs: Syncs, settings: Settings, job: ClaimedJob, number: int) -> bool:
    """Carry out the job in a process of its own, which dies at its commit of this number, if it has so many."""
    syncs.installation.database.close()
    child = os.fork()
    if child == 0:
        try:
            with Installation(settings, clock=syncs.clock) as installation:
                die_at_commit(installation, number)
                syncs.installation = installation
                result = sync(syncs.run_of(job), syncs.external, syncs.options, FULL)
            os._exit(0 if result["state"] == "succeeded" else 1)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL
    return status != 0


def taken_over(syncs: Syncs, job: ClaimedJob) -> ClaimedJob:
    """The job, as the next process claims it."""
    with syncs.installation.database.write() as connection:
        record(connection, [Outcome(Held(job.id, job.token), JobState.PENDING)], now_us=syncs.clock.now_us())
        [again] = JobClaimer("there:2").claim(connection, SYNC, 1, now_us=syncs.clock.now_us())
    assert again.id == job.id
    return again


@pytest.mark.faults
def test_killed_at_each_commit_it_goes_on(syncs: Syncs, contacts: MemoryResource, settings: Settings) -> None:
    """Each process gets one transaction further than the one before, and dies in the next."""
    contacts.fill(25)
    contacts.put("gone", name="Gone")
    syncs.full()
    contacts.remove("gone")
    contacts.fill(5, start=100)
    for number in range(25):
        contacts.put(f"c{number}", name=f"Other {number}")
    job = syncs.ask()
    assert is_killed(syncs, settings, job, 1)
    kills = 1
    job = taken_over(syncs, job)
    # What it commits first is that it goes on.
    while is_killed(syncs, settings, job, 3):
        kills += 1
        assert kills < 20
        job = taken_over(syncs, job)
    syncs.end(job)
    # Its beginning, three pages, what is missing, the deletion.
    assert kills >= 6
    run = syncs.runs()[-1]
    assert run.state == "succeeded"
    assert [run.counts[name] for name in ("read", "created", "updated", "deleted", "pages")] == [30, 5, 25, 1, 3]
    assert len(syncs.live()) == 30
    assert syncs.names()["c7"] == "Other 7"
    assert syncs.events().count("gateway.entity.updated") == 25
    assert syncs.events().count("gateway.entity.created") == 31
    assert len(syncs.history()) == 26
    assert syncs.events("gateway.sync.") == ["gateway.sync.completed"] * 2
    assert syncs.pages_kept() == 0


def test_two_machines_that_begin_the_same(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(25)
    refused: list[str] = []

    def begin_too(operation: str, page: Any) -> None:
        if operation == "pages" and page == 2:
            with pytest.raises(AlreadyRunning) as error:
                syncs.full()
            refused.append(error.value.code)

    contacts.before.append(begin_too)
    first = syncs.full()
    assert refused == ["already_running"]
    assert first["state"] == "succeeded"
    assert len(syncs.runs()) == 1


def test_who_lost_its_lease_commits_nothing_more(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(25)
    job = syncs.ask()
    others: list[ClaimedJob] = []

    def take_over(operation: str, page: Any) -> None:
        if operation == "pages" and page == 2 and not others:
            others.append(taken_over(syncs, job))

    contacts.before.append(take_over)
    with pytest.raises(JobInterrupted):
        sync(syncs.run_of(job), syncs.external, syncs.options, FULL)
    assert len(syncs.live()) == 10
    assert [row.state for row in syncs.runs()] == ["running"]
    result = sync(syncs.run_of(others[0]), syncs.external, syncs.options, FULL)
    assert counted(result, "read", "created", "pages") == (25, 25, 3)


def test_a_run_that_is_cancelled_ends_within_a_page(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(1_000)
    job = syncs.ask()

    def cancel(operation: str, page: Any) -> None:
        if operation == "pages" and page == 3:
            with syncs.acting() as acting:
                cancel_job(acting, job.id)

    contacts.before.append(cancel)
    with pytest.raises(JobInterrupted):
        sync(syncs.run_of(job, Waits(syncs.clock)), syncs.external, syncs.options, FULL)
    assert contacts.count("pages") == 3
    assert len(syncs.live()) == 20
    [run] = syncs.runs()
    assert (run.state, run.error_code, run.counts["read"]) == ("cancelled", "cancelled", 20)
    assert syncs.pages_kept() == 0


def test_a_run_whose_job_died_for_good_is_ended_by_the_next_one(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fill(25)
    job = syncs.ask()

    def break_off(operation: str, page: Any) -> None:
        if operation == "pages" and page == 2:
            raise SystemExit

    contacts.before.append(break_off)
    with pytest.raises(SystemExit):
        sync(syncs.run_of(job), syncs.external, syncs.options, FULL)
    syncs.end(job, JobState.FAILED)
    contacts.before.clear()
    assert counted(syncs.full(), "created", "unchanged") == (15, 10)
    assert [(row.state, row.error_code) for row in syncs.runs()] == [("failed", "interrupted"), ("succeeded", None)]


def test_progress_is_told_with_each_page(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.abilities = without(looks_up=False)
    contacts.fill(25)
    told: list[tuple[int, str | None]] = []
    job = syncs.ask()
    run = JobRun(
        syncs.installation,
        job,
        Waits(syncs.clock),
        on_progress=lambda done, _total, line: told.append((done, line)),
    )
    sync(run, syncs.external, syncs.options, FULL)
    assert told == [(10, "contacts: page 1"), (20, "contacts: page 2"), (25, "contacts: page 3")]
