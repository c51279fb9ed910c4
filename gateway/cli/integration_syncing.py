"""`gateway integrations sync` and `health`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.jobs_here import carried_out, tell_detached
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.output import Cell, note, print_fields, print_json, print_table, printable_lines
from gateway.cli.terminal.progress import Progress
from gateway.db.paging import every
from gateway.integrations.asking import ask_for_sync
from gateway.integrations.health.summary import show_health
from gateway.integrations.jobs import SYNC
from gateway.integrations.results import SUCCESS
from gateway.integrations.schema import HealthSchema
from gateway.integrations.search import find_integrations
from gateway.integrations.states import Health
from gateway.jobs.request import Holder
from gateway.jobs.summary import JobSummary

_COUNTS = ("created", "updated", "revived", "deleted", "conflicts", "merged", "quarantined", "unchanged")


@click.command()
@click.argument("name")
@click.option("--full", is_flag=True, help="Read everything, not only what changed.")
@click.option("--plan", is_flag=True, help="Say what it would do, and change nothing.")
@click.option("--wait", is_flag=True, help="Do it here, and say what came of it.")
@with_invocation
def sync(invocation: Invocation, name: str, full: bool, plan: bool, wait: bool) -> None:
    """Sync an integration now: a worker does it, unless told to --wait.

    With --plan nothing is changed: it is read here, and said what a sync would do. Exits with 1 when it failed, or is
    held for a person.
    """

    def ask(holder: Holder | None = None) -> JobSummary:
        with invocation.changing() as acting:
            return ask_for_sync(acting, name, full=full, is_plan=plan, holder=holder)

    if not (wait or plan):
        tell_detached(invocation, ask())
        return
    with Progress("{} records") as progress:
        came = carried_out(invocation, SYNC, ask, progress)
    if invocation.as_json:
        print_json(came)
    else:
        _tell(invocation, came, is_plan=plan)
    if came["status"] != SUCCESS:
        raise click.exceptions.Exit(FAILED)


@click.command()
@click.argument("name", required=False)
@with_invocation
def health(invocation: Invocation, name: str | None) -> None:
    """How an integration is, check by check, as it was seen last; without a NAME all of them.

    Exits with 1 when one is unhealthy.
    """
    with invocation.reading() as acting:
        listed = [] if name is not None else every(lambda page: find_integrations(acting, page))
        names = [name] if name is not None else [one.name for one in listed]
        found = [show_health(acting, one) for one in names]
    if invocation.as_json:
        shown = [HealthSchema().dump(one) for one in found]
        print_json(shown[0] if name is not None else {"data": shown, "next_cursor": None})
    elif name is None:
        rows = [(one.integration, one.state, one.health, one.since, one.data_at) for one in found]
        print_table(("integration", "state", "health", "since", "last data"), rows, now=invocation.now())
    else:
        [one] = found
        fields: list[tuple[str, Cell]] = [
            ("Integration", f"{one.integration} ({one.state})"),
            ("Health", one.health),
            ("Since", one.since),
            ("Last data", one.data_at),
            ("Looked at", one.checked_at),
            ("Schedule waits until", one.retry_at),
        ]
        print_fields(fields, now=invocation.now())
        checks = [(check.name, check.health, check.since, check.message) for check in one.checks]
        print_table(("check", "health", "since", "what was seen"), checks, now=invocation.now())
    if any(one.health == Health.UNHEALTHY for one in found):
        raise click.exceptions.Exit(FAILED)


def _tell(invocation: Invocation, came: Mapping[str, Any], *, is_plan: bool) -> None:
    click.echo(printable_lines(came["message"]))
    counts = came.get("counts")
    if counts is None:
        return
    word = "Would be" if is_plan else "Were"
    fields: list[tuple[str, Cell]] = [("Records read", counts["read"])]
    fields += [(f"{word} {name}", counts[name]) for name in _COUNTS if counts[name]]
    fields += [(f"  {name} changed", count) for name, count in sorted(counts["fields"].items())]
    fields.append(("Requests", counts["requests"]))
    print_fields(fields, now=invocation.now())
    if came.get("held"):
        note(f"Look at it, and decide: gateway sync-runs show {came['run_id']}")
