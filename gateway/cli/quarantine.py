"""`gateway quarantine`: records of external systems that could not be taken in, and why."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.options import common_options
from gateway.cli.terminal.output import note, print_fields, print_json, print_table, printable
from gateway.cli.terminal.paging import note_more, page_options
from gateway.db.paging import PageRequest
from gateway.deferred import deferred
from gateway.entities.states import QuarantineState

_quarantined = deferred("gateway.integrations.quarantined")
_schema = deferred("gateway.entities.quarantine.schema")

STATES = [state.value for state in QuarantineState]


@click.group()
@common_options
def quarantine() -> None:
    """Records of external systems that could not be taken in."""


@quarantine.command("list")
@click.option("--integration", metavar="NAME", help="Only of this integration.")
@click.option("--resource", metavar="NAME", help="Only of this resource, such as contacts.")
@click.option("--state", type=click.Choice(STATES), help="Only in this state.")
@page_options
@with_invocation
def list_(
    invocation: Invocation,
    integration: str | None,
    resource: str | None,
    state: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    """List records in quarantine, newest first."""
    with invocation.reading() as acting:
        page = _quarantined.find_quarantined(
            acting,
            PageRequest(limit, cursor),
            integration=integration,
            resource=resource,
            state=None if state is None else QuarantineState(state),
        )
    if invocation.as_json:
        print_json({"data": _schema.QuarantinedSchema(many=True).dump(page.rows), "next_cursor": page.next_cursor})
        return
    if not page.rows:
        filtered = any((integration, resource, state, cursor))
        note("No record matches." if filtered else "No record is in quarantine: whatever came could be taken in.")
    rows = [
        (
            row.id,
            row.last_at,
            row.integration or row.instance_id,
            row.resource,
            printable(row.integration_id or ""),
            row.state,
            row.times,
            printable(row.reasons[0]["message"]) if row.reasons else "",
        )
        for row in page.rows
    ]
    columns = ("record", "last came", "integration", "resource", "id", "state", "times", "why")
    print_table(columns, rows, now=invocation.now())
    note_more(page.next_cursor)


@quarantine.command()
@click.argument("record_id", metavar="ID")
@with_invocation
def show(invocation: Invocation, record_id: str) -> None:
    """Show a record as it came, and all that is wrong with it."""
    with invocation.reading() as acting:
        record = _quarantined.show_quarantined(acting, record_id)
    if invocation.as_json:
        print_json(_schema.QuarantinedSchema().dump(record))
        return
    reasons = (f"{one['pointer'] or '/'}: {one['message']} ({one['code']})" for one in record.reasons)
    print_fields(
        [
            ("Record", record.id),
            ("Integration", record.integration or record.instance_id),
            ("Resource", record.resource),
            ("External id", record.integration_id),
            ("State", record.state),
            ("Why", tuple(reasons)),
            ("Came", f"{record.times} times"),
            ("First", record.first_at),
            ("Last", record.last_at),
            ("Sync run", record.run_id),
        ],
        now=invocation.now(),
    )
    click.echo(f"\n{printable(record.raw)}")
    if record.state == QuarantineState.OPEN:
        note(
            f"Mended at its system it is taken in by the next sync, or at once: gateway quarantine retry {record.id}\n"
            f"Not wanted as it is: gateway quarantine discard {record.id}"
        )


@quarantine.command()
@click.argument("record_id", metavar="ID")
@with_invocation
def retry(invocation: Invocation, record_id: str) -> None:
    """Judge a record once more, as its system has it now; exits with 1 unless it is taken in."""
    record = _quarantined.retry_record(invocation.transaction, record_id)
    if invocation.as_json:
        print_json(_schema.QuarantinedSchema().dump(record))
    elif record.state == QuarantineState.REPAIRED:
        click.echo(f"{record.id} is taken in.")
    else:
        for one in record.reasons:
            click.echo(f"{one['pointer'] or '/'}: {printable(one['message'])} ({one['code']})")
    if record.state != QuarantineState.REPAIRED:
        raise click.exceptions.Exit(FAILED)


@quarantine.command()
@click.argument("record_id", metavar="ID")
@with_invocation
def discard(invocation: Invocation, record_id: str) -> None:
    """Pass a record over while it comes as it is. Once it says something else, it is judged again."""
    with invocation.changing() as acting:
        record = _quarantined.discard_record(acting, record_id)
    if invocation.as_json:
        print_json(_schema.QuarantinedSchema().dump(record))
    else:
        click.echo(f"{record.id} is passed over while it stays as it is.")
