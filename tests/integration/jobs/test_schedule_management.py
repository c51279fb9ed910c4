"""Schedules are found, paused, resumed and run by hand, by those whose they are."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.db.model import SYSTEM
from gateway.db.paging import PageRequest
from gateway.errors import Conflict, NotFound
from gateway.jobs.models import JobState
from gateway.jobs.schedules.management import pause_schedule, resume_schedule, run_now
from gateway.jobs.schedules.search import ScheduleSearch, find_schedules, show_schedule
from gateway.jobs.schedules.summary import ScheduleState, ScheduleSummary
from gateway.jobs.summary import JobSummary
from gateway.tenants.audit_trail.search import AuditSearch, find_audit
from tests.integration.jobs.conftest import Work
from tests.integration.jobs.kinds import PLAIN
from tests.services.acting import add_tenant
from tests.services.rows import store_schedule

KINDS = {PLAIN.name: PLAIN}


@pytest.fixture
def schedule(work: Work) -> str:
    return store_schedule(work.installation.database, work.installation.now(), "sync")


def show(work: Work, name: str = "sync") -> ScheduleSummary:
    with work.acting(write=False) as acting:
        return show_schedule(acting, name)


def pause(work: Work, name: str = "sync") -> ScheduleSummary:
    with work.acting() as acting:
        return pause_schedule(acting, name)


def resume(work: Work, name: str = "sync") -> ScheduleSummary:
    with work.acting() as acting:
        return resume_schedule(acting, name)


def run(work: Work, name: str = "sync") -> JobSummary:
    with work.acting() as acting:
        return run_now(acting, name, KINDS)


def actions(work: Work) -> list[tuple[str, str | None]]:
    with work.system(write=False) as acting:
        found = find_audit(acting, AuditSearch(action="schedule.*"), PageRequest())
        return [(row.action, row.tenant) for row in reversed(found.rows)]


def test_it_is_paused_and_resumed_once_however_often_it_is_said(work: Work, schedule: str) -> None:
    due = show(work).next_at
    assert due is not None
    for name in ("sync", schedule):
        paused = pause(work, name)
        assert (paused.state, paused.next_at) == (ScheduleState.PAUSED, None)
    work.clock.advance(150)
    for name in ("sync", schedule):
        active = resume(work, name)
        # From its next instant on: what passed is not made up for.
        assert (active.state, active.next_at) == (ScheduleState.ACTIVE, due + timedelta(seconds=180))
    assert actions(work) == [("schedule.paused", "default"), ("schedule.resumed", "default")]


def test_one_that_is_not_due_yet_is_due_as_before(work: Work) -> None:
    later = work.installation.now() + timedelta(seconds=50)
    store_schedule(work.installation.database, later, "sync")
    pause(work)
    assert resume(work).next_at == later


def test_run_by_hand_it_makes_its_job_and_is_due_as_before(work: Work, schedule: str) -> None:
    due = show(work).next_at
    made = run(work)
    assert (made.state, made.kind, made.payload, made.schedule_id, made.asker_name) == (
        "pending",
        PLAIN.name,
        {"n": 1},
        schedule,
        "tester",
    )
    # Where its job waits, that one is it.
    assert run(work).id == made.id
    assert (show(work).next_at, show(work).last_job_id) == (due, made.id)
    [claimed] = work.claim()
    assert run(work).id != claimed.id
    assert {action for action, _ in actions(work)} == {"schedule.run"}


def test_a_paused_one_can_be_run_by_hand(work: Work, schedule: str) -> None:
    pause(work)
    assert run(work).state is JobState.PENDING
    assert show(work).state is ScheduleState.PAUSED


def test_what_cannot_be_done_is_refused_with_what_was_meant(work: Work, schedule: str) -> None:
    database, now = work.installation.database, work.installation.now()
    store_schedule(database, now, "newer", kind="newer.kind")
    store_schedule(database, now, "lost", every_seconds=None, cron="0 3 * * *", time_zone="Nowhere/Else")
    with pytest.raises(Conflict, match=r"kind 'newer\.kind' are not known"):
        run(work, "newer")
    pause(work, "lost")
    with pytest.raises(Conflict, match="cannot be told when the schedule 'lost' is due"):
        resume(work, "lost")
    with pytest.raises(NotFound) as missing:
        show(work, "snyc")
    assert [(hint.action, hint.parameters) for hint in missing.value.hints] == [("did_you_mean", {"names": ["sync"]})]
    with pytest.raises(NotFound) as missing:
        show(work, "entirely-else")
    assert [hint.action for hint in missing.value.hints] == ["list_schedules"]


def test_a_tenant_finds_its_own_and_who_acts_for_none_all(work: Work, schedule: str) -> None:
    database, now = work.installation.database, work.installation.now()
    acme = add_tenant(database, work.clock, "acme")
    theirs = store_schedule(database, now + timedelta(seconds=1), "sync", tenant_id=acme)
    purge = store_schedule(database, now + timedelta(seconds=2), "purge", tenant_id=SYSTEM, is_paused=True)

    def found(tenant: str | None, **search: object) -> list[str]:
        wanted = ScheduleSearch(**search)  # type: ignore[arg-type]
        with work.system(write=False) if tenant is None else work.acting(tenant, write=False) as acting:
            return [row.id for row in find_schedules(acting, PageRequest(), wanted).rows]

    assert found("default") == [schedule]
    assert found("acme") == [theirs]
    assert found(None) == [schedule, theirs, purge]
    assert found(None, state=ScheduleState.PAUSED) == [purge]
    assert found(None, state=ScheduleState.ACTIVE, kind=PLAIN.name) == [schedule, theirs]
    assert found(None, kind="none") == []
    for name in (theirs, "purge", purge):
        with pytest.raises(NotFound):
            show(work, name)
    with work.system() as acting:
        # By its name the installation's own, by its id anybody's.
        assert run_now(acting, "purge", KINDS).tenant_id is None
        assert run_now(acting, theirs, KINDS).tenant_id == acme
        with pytest.raises(NotFound):
            show_schedule(acting, "sync")
    assert actions(work) == [("schedule.run", None), ("schedule.run", "acme")]


def test_run_by_hand_a_job_that_waits_for_its_retry_is_brought_forward(work: Work, schedule: str) -> None:
    made = run(work)
    [job] = work.claim()
    assert work.end(job, JobState.PENDING, is_failure=True, wait_seconds=3600.0)
    assert work.claim() == []
    again = run(work)
    assert (again.id, again.attempts_made) == (made.id, 1)
    assert [job.id for job in work.claim()] == [made.id]
