"""Finding jobs. A tenant sees its own; the installation's own are seen by those only who act for no tenant."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.errors import NotFound
from gateway.jobs.models import Job, JobState
from gateway.jobs.summary import JobSummary, summary
from gateway.tenants.acting import Acting, SystemActing


@dataclass(frozen=True, slots=True)
class JobSearch:
    """What holds for the jobs of a list; None for whatever it may be. `schedule` and `tenant_id` are ids."""

    state: JobState | None = None
    kind: str | None = None
    schedule: str | None = None
    tenant_id: str | None = None


ALL = JobSearch()


def find_jobs(acting: Acting | SystemActing, page: PageRequest, search: JobSearch = ALL) -> Page[JobSummary]:
    """A page of jobs, newest first. Raises `InvalidInput`."""
    found = page_of(acting.session, _matching(search), Job.id, page, is_descending=True)
    return Page(tuple(map(summary, found.rows)), found.next_cursor)


def show_job(acting: Acting | SystemActing, job_id: str) -> JobSummary:
    """One job. Raises `NotFound`."""
    return summary(find_row(acting, job_id))


def find_row(acting: Acting | SystemActing, job_id: str) -> Job:
    """The row of a job, locked in a writing transaction. Raises `NotFound`."""
    statement = select(Job).where(Job.id == job_id)
    found = acting.session.scalars(statement.with_for_update() if acting.is_writing else statement).first()
    if found is None:
        raise NotFound(f"there is no job {job_id!r}")
    return found


def _matching(search: JobSearch) -> Select[Job]:
    statement = select(Job)
    wanted = {
        Job.state: search.state,
        Job.kind: search.kind,
        Job.schedule_id: search.schedule,
        Job.tenant_id: search.tenant_id,
    }
    return statement.where(*(column == value for column, value in wanted.items() if value is not None))
