"""`/jobs`: work that is neither a webhook nor a delivery, with its progress; stopping it, and having it tried again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.api.door import require_of_caller
from gateway.api.job_schema import JobSchema
from gateway.db.paging import Page, PageRequest
from gateway.engines.kinds import scope_for
from gateway.jobs import management, search
from gateway.jobs.schema import JobQuerySchema, job_search
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import Acting
from gateway.tenants.api_keys.scopes import Scope

READ, WRITE = Scope.JOBS_READ, Scope.JOBS_WRITE
WAITING: Mapping[str, Any] = {
    "id": "job_06bk7e8v3s9p41pf7j0q5m2c8g",
    "tenant_id": "ten_06bk7e8v3s9p41pf7j0q5m2c8g",
    "kind": "events.replay",
    "payload": {"source": "github", "status": "dead"},
    "state": "pending",
    "uniqueness_key": None,
    "due_at": "2026-11-27T12:00:00.000Z",
    "attempts_made": 0,
    "progress_done": 0,
    "progress_total": None,
    "progress_line": None,
    "result": None,
    "error_code": None,
    "error": None,
    "asker_kind": "api_key",
    "asker_id": "key_06bk7e8v3s9p41pf7j0q5m2c8g",
    "asker_name": "ci",
    "request_id": "req_06bk7e8v3s9p41pf7j0q5m2c8g",
    "schedule_id": None,
    "cancel_requested_at": None,
    "created_at": "2026-11-27T12:00:00.000Z",
    "started_at": None,
    "finished_at": None,
    "worker": None,
}
RUNNING: Mapping[str, Any] = {
    **WAITING,
    "state": "running",
    "progress_done": 1200,
    "progress_total": 10000,
    "progress_line": "1200 events replayed",
    "started_at": "2026-11-27T12:00:00.100Z",
    "worker": None,
}
CANCELLED: Mapping[str, Any] = {
    **RUNNING,
    "state": "cancelled",
    "cancel_requested_at": "2026-11-27T12:01:00.000Z",
    "finished_at": "2026-11-27T12:01:02.000Z",
    "worker": None,
}

resource = Resource("jobs", "Work that is neither a webhook nor a delivery, carried out by workers.")


@resource.list("/jobs", scope=READ, query=JobQuerySchema, answer=JobSchema, example=RUNNING)
def list_jobs(acting: Acting, query: Mapping[str, Any], page: PageRequest) -> Page[JobSummary]:
    """List jobs, newest first. `schedule` is the id of what made them due."""
    return search.find_jobs(acting, page, job_search(query))


@resource.get("/jobs/<job>", scope=READ, answer=JobSchema, example=RUNNING)
def show_job(acting: Acting, job: str) -> JobSummary:
    """Show a job, with its progress so far."""
    return search.show_job(acting, job)


@resource.post("/jobs/<job>/cancel", scope=WRITE, answer=JobSchema, example=CANCELLED)
def cancel_job(acting: Acting, job: str) -> JobSummary:
    """Stop a job.

    One that runs commits nothing more, and becomes `cancelled` within seconds. What it did stays done.
    """
    return management.cancel_job(acting, job)


@resource.post("/jobs/<job>/retry", scope=WRITE, answer=JobSchema, example=WAITING)
def retry_job(acting: Acting, job: str) -> JobSummary:
    """Have a job that failed or was cancelled go on from what it has done.

    The key needs also what asking for such a job needs: `events:replay` for a replay, `deliveries:write` for many
    deliveries, `operator` for all others.
    """
    require_of_caller([scope_for(search.show_job(acting, job).kind)])
    return management.retry_job(acting, job)
