"""`gateway jobs`: work that is neither a webhook nor a delivery: seen with its progress, stopped, tried again."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.options import common_options
from gateway.cli.terminal.output import note, print_fields, print_json, print_table, printable
from gateway.cli.terminal.paging import note_more, page_options
from gateway.cli.terminal.progress import Progress
from gateway.db.paging import PageRequest
from gateway.deferred import deferred
from gateway.jobs.management import cancel_job, retry_job
from gateway.jobs.models import JobState
from gateway.jobs.search import JobSearch, find_jobs, show_job
from gateway.jobs.summary import JobSummary
from gateway.jobs.transitions import OPEN
from gateway.tenants.directory import slugs_of

_schema = deferred("gateway.jobs.schema")

STATES = [state.value for state in JobState]
WATCH_SECONDS = 0.5


@click.group()
@common_options
def jobs() -> None:
    """Work that is neither a webhook nor a delivery. Without --tenant: of all, and the installation's own."""


@jobs.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only in this state.")
@click.option("--kind", metavar="KIND", help="Only of this kind, such as events.replay.")
@click.option("--schedule", metavar="ID", help="Only what this schedule made due.")
@page_options
@with_invocation
def list_(
    invocation: Invocation, state: str | None, kind: str | None, schedule: str | None, limit: int, cursor: str | None
) -> None:
    """List jobs, newest first."""
    wanted = JobSearch(None if state is None else JobState(state), kind, schedule)
    with invocation.anywhere() as acting:
        page = find_jobs(acting, PageRequest(limit, cursor), wanted)
        slugs = slugs_of(acting.session, {row.tenant_id for row in page.rows if row.tenant_id is not None})
    if invocation.as_json:
        print_json({"data": _schema.JobSchema(many=True).dump(page.rows), "next_cursor": page.next_cursor})
        return
    if not page.rows:
        filtered = any((state, kind, schedule, cursor))
        note("No job matches." if filtered else "No jobs yet. Schedules make them, and whatever is asked for of many.")
    rows = [
        (
            row.id,
            row.created_at,
            row.kind,
            row.state.value,
            _progress(row),
            row.tenant_id and slugs[row.tenant_id],
            row.asker_name,
        )
        for row in page.rows
    ]
    columns = ("job", "created", "kind", "state", "progress", "tenant", "asked by")
    print_table(columns, rows, now=invocation.now())
    note_more(page.next_cursor)


@jobs.command()
@click.argument("job_id", metavar="ID")
@click.option("--watch", is_flag=True, help="Tell its progress until it ends; exits with 1 unless it succeeds.")
@with_invocation
def show(invocation: Invocation, job_id: str, watch: bool) -> None:
    """Show a job: its progress, its result or error, and who asked for it."""
    job = _watched(invocation, job_id) if watch else _shown(invocation, job_id)
    if invocation.as_json:
        print_json(_schema.JobSchema().dump(job))
    else:
        _print(invocation, job)
    if watch and job.state is not JobState.SUCCEEDED:
        raise click.exceptions.Exit(FAILED)


@jobs.command()
@click.argument("job_id", metavar="ID")
@with_invocation
def cancel(invocation: Invocation, job_id: str) -> None:
    """Stop a job. What it did stays done."""
    with invocation.anywhere(write=True) as acting:
        job = cancel_job(acting, job_id)
    if invocation.as_json:
        print_json(_schema.JobSchema().dump(job))
    elif job.state is JobState.CANCELLED:
        click.echo(f"{job.id} is cancelled.")
    else:
        click.echo(f"{job.id} commits nothing more, and is cancelled within seconds.")


@jobs.command()
@click.argument("job_id", metavar="ID")
@with_invocation
def retry(invocation: Invocation, job_id: str) -> None:
    """Have a job that failed or was cancelled go on from what it has done."""
    with invocation.anywhere(write=True) as acting:
        job = retry_job(acting, job_id)
    if invocation.as_json:
        print_json(_schema.JobSchema().dump(job))
    else:
        click.echo(f"{job.id} is due now. Watch it: gateway jobs show {job.id} --watch")


def _shown(invocation: Invocation, job_id: str) -> JobSummary:
    with invocation.anywhere() as acting:
        return show_job(acting, job_id)


def _watched(invocation: Invocation, job_id: str) -> JobSummary:
    """The job when it has ended; how far it is meanwhile."""
    with Progress("{} done") as progress:
        while (job := _shown(invocation, job_id)).state in OPEN:
            total = None if job.progress_total is None else f"of {job.progress_total}"
            progress.show(job.progress_done, printable(", ".join(filter(None, (total, job.progress_line)))) or None)
            time.sleep(WATCH_SECONDS)
    return job


def _print(invocation: Invocation, job: JobSummary) -> None:
    print_fields(
        [
            ("Job", job.id),
            ("Kind", job.kind),
            ("State", job.state.value),
            ("Progress", _progress(job)),
            ("Worker", job.worker),
            ("Payload", _pairs(job.payload)),
            ("Result", _pairs(job.result or {})),
            ("Error", " ".join(filter(None, (job.error_code and f"{job.error_code}:", job.error)))),
            ("Failed attempts", job.attempts_made or None),
            ("Tenant", job.tenant_id),
            ("Asked by", f"{job.asker_name} ({job.asker_kind.value})"),
            ("Request", job.request_id),
            ("Schedule", job.schedule_id),
            ("Due", job.due_at),
            ("Created", job.created_at),
            ("Started", job.started_at),
            ("Cancel asked", job.cancel_requested_at),
            ("Finished", job.finished_at),
        ],
        now=invocation.now(),
    )


def _progress(job: JobSummary) -> str:
    """How far it is: a share where that is known, and its line for people."""
    if job.progress_total:
        count = f"{job.progress_done} of {job.progress_total} ({100 * job.progress_done // job.progress_total}%)"
    else:
        count = str(job.progress_done) if job.progress_done else ""
    return ", ".join(filter(None, (count, job.progress_line)))


def _pairs(values: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
