"""`/schedules`: what makes jobs due again and again; pausing it, and running it by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.api.door import require_of_caller
from gateway.api.job_schema import JobSchema
from gateway.api.resources.jobs import WAITING
from gateway.db.paging import Page, PageRequest
from gateway.engines.kinds import KINDS, scope_for
from gateway.jobs.schedules import management, search
from gateway.jobs.schedules.schema import ScheduleQuerySchema, ScheduleSchema, schedule_search
from gateway.jobs.schedules.summary import ScheduleSummary
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import Acting
from gateway.tenants.api_keys.scopes import Scope

READ, WRITE = Scope.SCHEDULES_READ, Scope.SCHEDULES_WRITE
NIGHTLY: Mapping[str, Any] = {
    "id": "sch_06bk7e8v3s9p41pf7j0q5m2c8g",
    "tenant_id": "ten_06bk7e8v3s9p41pf7j0q5m2c8g",
    "name": "nightly-replay",
    "kind": "events.replay",
    "payload": {"source": "github", "status": "dead"},
    "every_seconds": None,
    "cron": "0 3 * * *",
    "time_zone": "Europe/Berlin",
    "jitter_seconds": 600,
    "state": "active",
    "next_at": "2026-11-28T02:04:10.000Z",
    "last_at": "2026-11-27T02:01:30.000Z",
    "last_job_id": "job_06bk7e8v3s9p41pf7j0q5m2c8g",
    "created_at": "2026-11-20T12:00:00.000Z",
}
PAUSED: Mapping[str, Any] = {**NIGHTLY, "state": "paused", "next_at": None}

resource = Resource("schedules", "What makes jobs due again and again: by an interval, or by cron in a time zone.")


@resource.list("/schedules", scope=READ, query=ScheduleQuerySchema, answer=ScheduleSchema, example=NIGHTLY)
def list_schedules(acting: Acting, query: Mapping[str, Any], page: PageRequest) -> Page[ScheduleSummary]:
    """List schedules, oldest first."""
    return search.find_schedules(acting, page, schedule_search(query))


@resource.get("/schedules/<schedule>", scope=READ, answer=ScheduleSchema, example=NIGHTLY)
def show_schedule(acting: Acting, schedule: str) -> ScheduleSummary:
    """Show a schedule."""
    return search.show_schedule(acting, schedule)


@resource.post("/schedules/<schedule>/pause", scope=WRITE, answer=ScheduleSchema, example=PAUSED)
def pause_schedule(acting: Acting, schedule: str) -> ScheduleSummary:
    """Make no more jobs by a schedule.

    A job that it has made stays; it can be run by hand meanwhile.
    """
    return management.pause_schedule(acting, schedule)


@resource.post("/schedules/<schedule>/resume", scope=WRITE, answer=ScheduleSchema, example=NIGHTLY)
def resume_schedule(acting: Acting, schedule: str) -> ScheduleSummary:
    """Make jobs by a schedule again.

    From its next instant on: those that passed meanwhile are not made up for.
    """
    return management.resume_schedule(acting, schedule)


@resource.post("/schedules/<schedule>/run-now", scope=WRITE, answer=JobSchema, example=WAITING)
def run_schedule_now(acting: Acting, schedule: str) -> JobSummary:
    """Make the job of a schedule now; the answer is that job.

    Where one that it made waits still, it is that one. The schedule is due next as before. The key needs also what
    asking for such a job needs.
    """
    require_of_caller([scope_for(search.show_schedule(acting, schedule).kind)])
    return management.run_now(acting, schedule, KINDS)
