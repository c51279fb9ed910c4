"""People find jobs, stop them and have them tried again; each tenant its own."""

from __future__ import annotations

import pytest

from gateway.db.paging import PageRequest
from gateway.errors import Conflict, IllegalTransition, NotFound
from gateway.jobs.management import cancel_job, retry_job
from gateway.jobs.models import JobState
from gateway.jobs.queue.held import Held, Standing, renew
from gateway.jobs.request import request_job
from gateway.jobs.schema import JobSchema
from gateway.jobs.search import JobSearch, find_jobs, show_job
from gateway.jobs.summary import JobSummary
from gateway.tenants.audit_trail.search import AuditSearch, find_audit
from tests.integration.jobs.conftest import Work
from tests.integration.jobs.kinds import PLAIN, UNIQUE
from tests.services.acting import add_tenant


def cancel(work: Work, job: JobSummary) -> JobSummary:
    with work.acting() as acting:
        return cancel_job(acting, job.id)


def retry(work: Work, job: JobSummary) -> JobSummary:
    with work.acting() as acting:
        return retry_job(acting, job.id)


def test_a_tenant_sees_its_own_and_the_system_all(work: Work) -> None:
    add_tenant(work.installation.database, work.clock, "acme")
    mine, theirs = work.ask(), work.ask(tenant="acme")
    with work.system() as system:
        own = request_job(system, UNIQUE, {})
    with work.acting(write=False) as acting:
        assert [job.id for job in find_jobs(acting, PageRequest()).rows] == [mine.id]
        for other in (theirs, own):
            with pytest.raises(NotFound):
                show_job(acting, other.id)
    with work.system(write=False) as system:
        assert [job.id for job in find_jobs(system, PageRequest()).rows] == [own.id, theirs.id, mine.id]
        found = find_jobs(system, PageRequest(limit=1), JobSearch(kind=PLAIN.name))
        rest = find_jobs(system, PageRequest(limit=1, cursor=found.next_cursor), JobSearch(kind=PLAIN.name))
        assert [job.id for job in (*found.rows, *rest.rows)] == [theirs.id, mine.id]
        assert rest.next_cursor is None
        assert find_jobs(system, PageRequest(), JobSearch(state=JobState.FAILED)).rows == ()
        assert find_jobs(system, PageRequest(), JobSearch(tenant_id="ten_acme")).rows == (theirs,)


def test_every_field_is_shown(work: Work) -> None:
    asked = work.ask()
    assert JobSchema().dump(asked).keys() == set(JobSummary.__dataclass_fields__)
    assert JobSchema().dump(asked)["state"] == "pending"


def test_one_that_waits_is_cancelled_at_once(work: Work) -> None:
    asked = work.ask()
    cancelled = cancel(work, asked)
    assert (cancelled.state, cancelled.finished_at) == ("cancelled", asked.created_at)
    assert cancel(work, asked) == cancelled
    assert work.claim() == []


def test_one_that_runs_is_cancelled_by_its_holder(work: Work) -> None:
    asked = work.ask()
    [job] = work.claim()
    assert cancel(work, asked).state == "running"
    held = Held(job.id, job.token)
    with work.installation.database.write() as connection:
        assert renew(connection, [held], now_us=work.clock.now_us()) == {held: Standing.CANCELLED}
    # Whatever became of the attempt: nothing of it was committed since.
    assert work.end(job, JobState.PENDING, is_failure=True)
    assert work.show(asked).state == "cancelled"


def test_what_has_ended_is_not_cancelled(work: Work) -> None:
    asked = work.ask()
    [job] = work.claim()
    work.end(job)
    with pytest.raises(IllegalTransition):
        cancel(work, asked)
    with pytest.raises(IllegalTransition):
        retry(work, asked)


def test_what_failed_is_tried_again_with_all_its_tries(work: Work) -> None:
    asked = work.ask()
    [job] = work.claim()
    with pytest.raises(IllegalTransition):
        retry(work, asked)
    work.end(job, JobState.FAILED, is_failure=True, error_code="broke", error="it broke")
    again = retry(work, asked)
    assert (again.state, again.attempts_made, again.error, again.finished_at) == ("pending", 0, None, None)
    assert [job.id for job in work.claim()] == [asked.id]


def test_one_that_was_cancelled_is_not_tried_again_beside_the_same(work: Work) -> None:
    asked = work.ask(UNIQUE)
    cancel(work, asked)
    following = work.ask(UNIQUE)
    with pytest.raises(Conflict, match="waits already"):
        retry(work, asked)
    cancel(work, following)
    assert retry(work, asked).cancel_requested_at is None


def test_the_audit_trail_tells_who_did_it(work: Work) -> None:
    asked = work.ask(n=3)
    cancel(work, asked)
    retry(work, asked)
    with work.system() as system:
        cancel_job(system, asked.id)
    with work.acting(write=False) as acting:
        found = find_audit(acting, AuditSearch(action="job.*"), PageRequest()).rows
    assert [row.action for row in found] == ["job.cancelled", "job.retried", "job.cancelled"]
    assert {row.object_id for row in found} == {asked.id}
    assert found[0].after == {"kind": "tests.plain", "n": 3}
