"""`gateway schedules`: what makes jobs due again and again: seen, paused, run by hand."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import common_options
from gateway.cli.terminal.output import note, print_json, print_table, show
from gateway.cli.terminal.paging import note_more, page_options
from gateway.db.paging import PageRequest
from gateway.deferred import deferred
from gateway.durations import duration
from gateway.jobs.schedules.management import pause_schedule, resume_schedule, run_now
from gateway.jobs.schedules.search import ScheduleSearch, find_schedules
from gateway.jobs.schedules.summary import ScheduleState, ScheduleSummary
from gateway.tenants.directory import slugs_of

_kinds = deferred("gateway.engines.kinds")
_schema = deferred("gateway.jobs.schedules.schema")
_job_schema = deferred("gateway.jobs.schema")

STATES = [state.value for state in ScheduleState]


@click.group()
@common_options
def schedules() -> None:
    """What makes jobs due again and again. Without --tenant: of all, and the installation's own."""


@schedules.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only in this state.")
@click.option("--kind", metavar="KIND", help="Only those that make jobs of this kind.")
@page_options
@with_invocation
def list_(invocation: Invocation, state: str | None, kind: str | None, limit: int, cursor: str | None) -> None:
    """List schedules, oldest first."""
    wanted = ScheduleSearch(None if state is None else ScheduleState(state), kind)
    with invocation.anywhere() as acting:
        page = find_schedules(acting, PageRequest(limit, cursor), wanted)
        slugs = slugs_of(acting.session, {row.tenant_id for row in page.rows if row.tenant_id is not None})
    if invocation.as_json:
        print_json({"data": _schema.ScheduleSchema(many=True).dump(page.rows), "next_cursor": page.next_cursor})
        return
    if not page.rows:
        note("No schedule matches." if any((state, kind, cursor)) else "No schedules yet. A worker makes the first.")
    rows = [
        (
            row.name,
            row.id,
            row.kind,
            _rhythm(row),
            row.state.value,
            row.next_at,
            row.last_at,
            row.last_job_id,
            row.tenant_id and slugs[row.tenant_id],
        )
        for row in page.rows
    ]
    columns = ("schedule", "id", "kind", "due", "state", "next", "last", "last job", "tenant")
    print_table(columns, rows, now=invocation.now())
    note_more(page.next_cursor)


@schedules.command()
@click.argument("name")
@with_invocation
def pause(invocation: Invocation, name: str) -> None:
    """Make no more jobs by the schedule NAME, which may be its id. A job that it has made stays."""
    with invocation.anywhere(write=True) as acting:
        schedule = pause_schedule(acting, name)
    of_tenant = "" if invocation.given_tenant is None else f" --tenant {invocation.given_tenant}"
    _say(invocation, schedule, f"{schedule.name} is paused. Back: gateway schedules resume {name}{of_tenant}")


@schedules.command()
@click.argument("name")
@with_invocation
def resume(invocation: Invocation, name: str) -> None:
    """Make jobs by the schedule NAME again. What was due while it was paused is not made up for."""
    with invocation.anywhere(write=True) as acting:
        schedule = resume_schedule(acting, name)
    _say(invocation, schedule, f"{schedule.name} is active, and due next at {show(schedule.next_at)}.")


@schedules.command("run-now")
@click.argument("name")
@with_invocation
def run_now_(invocation: Invocation, name: str) -> None:
    """Make the job of the schedule NAME now, also while it is paused. It is due next as before."""
    with invocation.anywhere(write=True) as acting:
        job = run_now(acting, name, _kinds.KINDS)
    if invocation.as_json:
        print_json(_job_schema.JobSchema().dump(job))
    else:
        click.echo(f"{job.id} is due now. Watch it: gateway jobs show {job.id} --watch")


def _rhythm(schedule: ScheduleSummary) -> str:
    """When it is due, in words."""
    if schedule.every_seconds is not None:
        return f"every {duration(schedule.every_seconds)}"
    return f"{schedule.cron} ({schedule.time_zone})"


def _say(invocation: Invocation, schedule: ScheduleSummary, words: str) -> None:
    if invocation.as_json:
        print_json(_schema.ScheduleSchema().dump(schedule))
    else:
        click.echo(words)
