"""`gateway sync-runs`: what each sync did, and deciding those that wait for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.jobs_here import carried_out, detach_option, tell_detached
from gateway.cli.terminal.options import common_options
from gateway.cli.terminal.output import note, print_fields, print_json, print_table
from gateway.cli.terminal.paging import note_more, page_options
from gateway.cli.terminal.progress import Progress
from gateway.cli.terminal.questions import require_yes
from gateway.db.paging import PageRequest
from gateway.deferred import deferred
from gateway.entities.states import RunState

if TYPE_CHECKING:
    from gateway.entities.runs.summary import SyncRunSummary
    from gateway.jobs.request import Holder
    from gateway.jobs.summary import JobSummary

_kind = deferred("gateway.entities.held_runs.kind")
_management = deferred("gateway.entities.held_runs.management")
_runs = deferred("gateway.integrations.sync_runs")
_schema = deferred("gateway.entities.runs.schema")

STATES = [state.value for state in RunState]
SHOWN = ("read", "created", "updated", "deleted", "conflicts", "quarantined")


@click.group("sync-runs")
@common_options
def sync_runs() -> None:
    """What each sync read and changed, and those that wait for a person."""


@sync_runs.command("list")
@click.option("--integration", metavar="NAME", help="Only of this integration.")
@click.option("--state", type=click.Choice(STATES), help="Only in this state.")
@click.option("--plans/--no-plans", "is_plan", default=None, help="Only plans, or no plans.")
@page_options
@with_invocation
def list_(
    invocation: Invocation,
    integration: str | None,
    state: str | None,
    is_plan: bool | None,
    limit: int,
    cursor: str | None,
) -> None:
    """List sync runs, newest first."""
    with invocation.reading() as acting:
        page = _runs.find_sync_runs(
            acting,
            PageRequest(limit, cursor),
            integration=integration,
            state=None if state is None else RunState(state),
            is_plan=is_plan,
        )
    if invocation.as_json:
        print_json({"data": _schema.SyncRunSchema(many=True).dump(page.rows), "next_cursor": page.next_cursor})
        return
    if not page.rows:
        filtered = any((integration, state, is_plan is not None, cursor))
        note("No sync run matches." if filtered else "No sync runs yet: gateway integrations sync NAME begins one.")
    rows = [
        (
            row.id,
            row.started_at,
            row.integration or row.instance_id,
            f"{row.mode} plan" if row.is_plan else row.mode,
            row.trigger,
            row.state,
            *(row.counts.get(name, 0) for name in SHOWN),
        )
        for row in page.rows
    ]
    columns = ("run", "started", "integration", "mode", "by", "state", *SHOWN)
    print_table(columns, rows, now=invocation.now())
    note_more(page.next_cursor)
    held = next((row.id for row in page.rows if row.state == RunState.HELD), None)
    if held is not None:
        note(f"What waits for you: gateway sync-runs show {held}")


@sync_runs.command()
@click.argument("run_id", metavar="ID")
@with_invocation
def show(invocation: Invocation, run_id: str) -> None:
    """Show a sync run: its results, its first errors, and what it waits for."""
    with invocation.reading() as acting:
        run = _runs.show_sync_run(acting, run_id)
    if invocation.as_json:
        print_json(_schema.SyncRunSchema().dump(run))
        return
    _print(invocation, run)
    if run.state == RunState.HELD:
        note(
            f"They are gone indeed: gateway sync-runs confirm {run.id}\n"
            f"They are not, and nothing is to be deleted: gateway sync-runs reject {run.id}"
        )


@sync_runs.command()
@click.argument("run_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@detach_option
@with_invocation
def confirm(invocation: Invocation, run_id: str, yes: bool, detach: bool) -> None:
    """Delete what a run has held: they become tombstones, and what was attached to them stays."""
    with invocation.reading() as acting:
        run = _runs.show_sync_run(acting, run_id)
    if run.state == RunState.HELD:
        require_yes(f"Delete {' and '.join(_held(run))}?", yes=yes)

    def request(holder: Holder | None = None) -> JobSummary:
        with invocation.changing() as acting:
            _, job = _management.confirm_by(acting, run_id, holder)
            asked: JobSummary = job
            return asked

    if detach:
        tell_detached(invocation, request())
        return
    with Progress("{} done") as progress:
        result = carried_out(invocation, _kind.CONFIRM, request, progress)
    if invocation.as_json:
        print_json(dict(result))
    else:
        kept = f" {result['kept']} stay: they changed meanwhile." if result["kept"] else ""
        click.echo(f"{result['deleted']} entities are deleted.{kept}")


@sync_runs.command()
@click.argument("run_id", metavar="ID")
@with_invocation
def reject(invocation: Invocation, run_id: str) -> None:
    """Delete nothing of what a run has held. The next full pull looks again."""
    with invocation.changing() as acting:
        run = _runs.reject_sync_run(acting, run_id)
    if invocation.as_json:
        print_json(_schema.SyncRunSchema().dump(run))
    else:
        click.echo(f"Nothing is deleted; {run.id} is rejected.")


def _print(invocation: Invocation, run: SyncRunSummary) -> None:
    print_fields(
        [
            ("Sync run", run.id),
            ("Integration", run.integration or run.instance_id),
            ("Mode", f"{run.mode}, as a plan: nothing changed" if run.is_plan else run.mode),
            ("Began by", run.trigger),
            ("State", run.state),
            ("Error", ": ".join(filter(None, (run.error_code, run.error)))),
            ("Results", _counts(run.counts)),
            ("Fields changed", tuple(f"{name}={count}" for name, count in run.counts.get("fields", {}).items())),
            ("Against its plan", _against(run)),
            ("Would delete", tuple(_held(run))),
            ("Decided by", _decided(run)),
            ("First errors", tuple(_error(one) for one in run.errors)),
            ("Waited for limits", _seconds(run.counts.get("waited_seconds"))),
            ("Took", _seconds(run.duration_seconds)),
            ("Job", run.job_id),
            ("Started", run.started_at),
            ("Ended", run.ended_at),
        ],
        now=invocation.now(),
    )


def _counts(counts: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in counts.items() if isinstance(value, int) and value)


def _held(run: SyncRunSummary) -> list[str]:
    resources = (run.held or {}).get("resources", {})
    return [f"{one['missing']} of {one['known']} {one['kind']} entities" for one in resources.values()]


def _decided(run: SyncRunSummary) -> str | None:
    held = run.held or {}
    decided: str | None = held.get("confirmed_by") or held.get("rejected_by")
    return decided


def _against(run: SyncRunSummary) -> str | None:
    """How the results differ from those that the plan before told."""
    if run.plan is None:
        return None
    planned = run.plan["counts"]
    other = [
        f"{name} {run.counts.get(name, 0)} instead of {planned.get(name, 0)}"
        for name in (*SHOWN, "revived", "merged")
        if run.counts.get(name, 0) != planned.get(name, 0)
    ]
    return ", ".join(other) or f"as {run.plan['run_id']} said"


def _error(error: Mapping[str, Any]) -> str:
    where = " ".join(str(error[name]) for name in ("resource", "integration_id", "pointer") if error.get(name))
    return f"{error['code']}{f' ({where})' if where else ''}: {error['message']}"


def _seconds(seconds: float | None) -> str | None:
    return f"{seconds:g} s" if seconds else None
