"""Jobs are asked for, claimed once and in turn, held while their process lives, and ended by whoever holds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest

from gateway.errors import InvalidInput
from gateway.jobs.models import JobState
from gateway.jobs.queue.claim import JobClaimer
from gateway.jobs.queue.held import Held, Standing, renew, standing
from gateway.jobs.queue.look import is_anything_of_another_time, pull_back
from gateway.jobs.queue.takeover import LEASE_SECONDS, MOST_DEATHS, SilenceWatch, TakenBack, take_back
from gateway.jobs.request import request_job
from gateway.jobs.retention import purge_jobs
from tests.integration.jobs.conftest import Work
from tests.integration.jobs.kinds import PLAIN, UNIQUE
from tests.services.acting import add_tenant


def test_it_is_asked_for_claimed_and_done(work: Work) -> None:
    asked = work.ask(n=7)
    assert (asked.state, asked.payload, asked.asker_name, asked.tenant_id) == (
        "pending",
        {"n": 7},
        "tester",
        "ten_default",
    )
    work.clock.advance(1)
    [job] = work.claim()
    assert (job.id, job.payload, job.position, job.actor.name) == (asked.id, {"n": 7}, None, "tester")
    running = work.show(asked)
    assert (running.state, running.worker) == ("running", "here:1")
    assert running.started_at == asked.created_at + timedelta(seconds=1)
    assert work.claim() == []
    assert work.end(job, result={"did": 1}) is True
    done = work.show(asked)
    assert (done.state, done.result, done.worker, done.finished_at) == (
        "succeeded",
        {"did": 1},
        None,
        running.started_at,
    )
    assert work.end(job) is False


def test_a_wrong_payload_is_refused(work: Work) -> None:
    with pytest.raises(InvalidInput, match="payload"), work.acting() as acting:
        request_job(acting, PLAIN, {"n": "many"})
    with pytest.raises(InvalidInput, match="payload"), work.acting() as acting:
        request_job(acting, PLAIN, {"secret": 1})
    assert work.next_due_us() is None


def test_what_is_due_later_waits(work: Work) -> None:
    later = work.installation.now() + timedelta(seconds=60)
    work.ask(due_at=later)
    assert work.claim() == []
    assert work.next_due_us() == work.clock.now_us() + 60_000_000
    work.clock.advance(60)
    assert len(work.claim()) == 1


def test_who_asks_for_the_same_joins_the_one_that_waits(work: Work) -> None:
    later = work.installation.now() + timedelta(hours=1)
    first = work.ask(UNIQUE, n=1, due_at=later)
    assert work.ask(UNIQUE, n=2).id != first.id
    joined = work.ask(UNIQUE, n=1)
    # Brought forward: whoever asked last wants it now.
    assert (joined.id, joined.due_at) == (first.id, work.installation.now())
    assert work.ask(UNIQUE, n=1, due_at=later).due_at == joined.due_at
    jobs = work.claim(UNIQUE, free=9)
    assert len(jobs) == 2
    # It may have looked already at what this one is about: another one follows, but not beside it.
    following = work.ask(UNIQUE, n=1)
    assert following.id != first.id
    assert work.claim(UNIQUE) == []
    assert work.end(next(job for job in jobs if job.id == first.id))
    assert [job.id for job in work.claim(UNIQUE)] == [following.id]


def test_of_one_key_one_runs_when_two_are_due(work: Work) -> None:
    asked = work.ask(UNIQUE)
    [job] = work.claim(UNIQUE)
    following = work.ask(UNIQUE)
    work.clock.advance(1)
    assert work.end(job, JobState.PENDING, is_failure=True)
    # Whichever waited longer, and the other one after it.
    [next_one] = work.claim(UNIQUE, free=9)
    assert next_one.id == following.id
    assert work.end(next_one)
    assert [job.id for job in work.claim(UNIQUE, free=9)] == [asked.id]


def test_what_was_asked_for_begins_when_whoever_asked_has_committed(work: Work) -> None:
    first = work.ask(UNIQUE)
    with work.acting() as acting:
        assert request_job(acting, UNIQUE, {"n": 0}).id == first.id
        if not work.installation.database.is_sqlite:
            assert work.claim(UNIQUE) == []
    assert len(work.claim(UNIQUE)) == 1


def test_many_who_ask_at_once_get_one(work: Work) -> None:
    ready, ids = Barrier(6), []

    def ask() -> None:
        ready.wait()
        ids.append(work.ask(UNIQUE).id)

    _at_once([ask] * 6)
    assert len(ids) == 6
    assert len(set(ids)) == 1


def test_of_many_who_claim_each_gets_others(work: Work) -> None:
    asked = {work.ask().id for _ in range(20)}
    ready, claimed = Barrier(4), []

    def claim() -> None:
        claimer = JobClaimer("other")
        ready.wait()
        for _ in range(5):
            claimed.extend(job.id for job in work.claim(free=2, claimer=claimer))

    _at_once([claim] * 4)
    assert sorted(claimed) == sorted(asked)


def test_concurrency_holds_for_all_who_claim(work: Work) -> None:
    kind = replace(PLAIN, concurrency=5, tenant_concurrency=3)
    add_tenant(work.installation.database, work.clock, "acme")
    for tenant in ("default", "acme"):
        for _ in range(10):
            work.ask(kind, tenant)
    ready, claimed = Barrier(4), []

    def claim() -> None:
        claimer = JobClaimer("other")
        ready.wait()
        for _ in range(3):
            claimed.extend(work.claim(kind, free=2, claimer=claimer))

    _at_once([claim] * 4)
    tenants = [job.tenant_id for job in claimed]
    assert sorted((tenants.count("ten_default"), tenants.count("ten_acme"))) == [2, 3]
    assert work.end(claimed[0])
    assert len(work.claim(kind, free=9)) == 1


def test_one_job_does_not_wait_behind_ten_thousand_of_another_tenant(work: Work) -> None:
    database = work.installation.database
    add_tenant(database, work.clock, "acme")
    with work.acting("acme") as acting:
        for _ in range(500):
            request_job(acting, PLAIN, {})
    work.clock.advance(1)
    held = work.claim(free=4)
    mine = work.ask()
    assert {job.tenant_id for job in held} == {"ten_acme"}
    assert [job.id for job in work.claim()] == [mine.id]


def test_tenants_take_turns(work: Work) -> None:
    slugs = ["a", "b", "c"]
    for slug in slugs:
        add_tenant(work.installation.database, work.clock, slug)
        for _ in range(3):
            work.ask(tenant=slug)
    order = []
    while found := work.claim():
        order.append(found[0].tenant_id.removeprefix("ten_"))
        assert work.end(found[0])
    assert order == slugs * 3


def test_what_belongs_to_no_tenant(work: Work) -> None:
    with work.system() as acting:
        asked = request_job(acting, UNIQUE, {})
        assert request_job(acting, UNIQUE, {}).id == asked.id
        of_tenant = request_job(acting, UNIQUE, {}, tenant_id="ten_default")
    assert asked.tenant_id is None
    assert of_tenant.tenant_id == "ten_default"
    assert [job.tenant_id for job in work.claim(UNIQUE, free=9)] == ["system", "ten_default"]


def test_a_failure_burns_an_attempt_and_letting_go_does_not(work: Work) -> None:
    asked = work.ask()
    [job] = work.claim()
    assert work.end(job, JobState.PENDING, wait_seconds=30.0, is_failure=True, error_code="broke", error="it broke")
    waiting = work.show(asked)
    assert (waiting.state, waiting.attempts_made, waiting.error) == ("pending", 1, "it broke")
    assert work.claim() == []
    work.clock.advance(30)
    [job] = work.claim()
    assert job.attempts_made == 1
    assert work.end(job, JobState.PENDING)
    assert work.show(asked).attempts_made == 1
    [job] = work.claim()
    assert work.end(job, JobState.FAILED, is_failure=True, error_code="broke", error="again")
    failed = work.show(asked)
    assert (failed.state, failed.attempts_made, failed.error_code) == ("failed", 2, "broke")
    assert failed.finished_at is not None


def look(work: Work, watch: SilenceWatch, *, renewing: list[Held] | None = None) -> list[TakenBack]:
    """Eight looks in forty seconds."""
    found = []
    for _ in range(8):
        work.clock.advance(5)
        with work.installation.database.write() as connection:
            if renewing:
                renew(connection, renewing, now_us=work.clock.now_us())
            silent = watch.look(connection)
            found += take_back(connection, silent.items(), now_us=work.clock.now_us())
    return found


def test_what_a_dead_process_held_is_given_back(work: Work) -> None:
    dead, alive = work.ask(), work.ask()
    job, other = work.claim(free=2)
    watch = SilenceWatch(work.clock)
    taken = look(work, watch, renewing=[Held(other.id, other.token)])
    assert taken == [TakenBack(dead.id, PLAIN.name, JobState.PENDING)]
    assert work.show(alive).state == "running"
    # Whoever held it comes too late.
    assert work.end(job) is False
    with work.installation.database.write() as connection:
        assert standing(connection, Held(job.id, job.token)) is Standing.LOST
        assert standing(connection, Held(other.id, other.token)) is Standing.HELD
    assert [job.id for job in work.claim(free=2)] == [dead.id]


@pytest.mark.parametrize("seconds", [-3600, 3600, 60])
def test_a_clock_that_is_set_or_differs_makes_nobody_look_dead(work: Work, seconds: float) -> None:
    work.ask()
    [job] = work.claim()
    held = [Held(job.id, job.token)]
    watch = SilenceWatch(work.clock)
    assert look(work, watch, renewing=held) == []
    work.clock.jump(seconds)
    assert look(work, watch, renewing=held) == []
    assert len(look(work, watch)) == 1


def test_who_could_not_look_holds_nothing_against_anybody(work: Work) -> None:
    work.ask()
    [job] = work.claim()
    watch = SilenceWatch(work.clock)
    with work.installation.database.read() as connection:
        watch.look(connection)
        work.clock.advance(LEASE_SECONDS * 4)
        assert watch.look(connection) == {}
        work.clock.advance(5)
        assert watch.look(connection) == {}
    assert look(work, watch, renewing=[Held(job.id, job.token)]) == []


def test_a_job_that_kills_its_processes_is_given_up(work: Work) -> None:
    asked = work.ask()
    watch = SilenceWatch(work.clock)
    for _ in range(MOST_DEATHS):
        assert len(work.claim()) == 1
        look(work, watch)
    failed = work.show(asked)
    assert (failed.state, failed.error_code) == ("failed", "job_process_died")
    assert "3 processes died" in (failed.error or "")


def test_a_clock_that_was_ahead_keeps_nothing_waiting(work: Work) -> None:
    work.clock.jump(3600)
    at_once, later = work.ask(), work.ask(due_at=work.installation.now() + timedelta(seconds=60))
    work.clock.jump(-3600)
    assert work.claim(free=9) == []
    with work.installation.database.write() as connection:
        assert is_anything_of_another_time(connection, work.clock.now_us())
        pull_back(connection, work.clock.now_us())
        assert not is_anything_of_another_time(connection, work.clock.now_us())
    assert [job.id for job in work.claim(free=9)] == [at_once.id]
    work.clock.advance(60)
    assert [job.id for job in work.claim(free=9)] == [later.id]


def test_those_that_ended_long_ago_are_forgotten(work: Work) -> None:
    database = work.installation.database
    work.ask()
    [job] = work.claim()
    work.end(job)
    work.clock.advance(60)
    waiting = work.ask()
    now = work.installation.now()
    assert list(purge_jobs(database, now - timedelta(seconds=61))) == []
    assert list(purge_jobs(database, now, tenant_id="ten_other")) == []
    assert list(purge_jobs(database, now + timedelta(hours=1))) == [1]
    assert work.show(waiting).state == "pending"


def _at_once(calls: Sequence[Callable[[], None]]) -> None:
    threads = [Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
