"""`gateway destinations list` and `show`."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.out_of_order import note_out_of_order, reason
from gateway.cli.terminal.output import Cell, note, print_fields, print_json, print_table
from gateway.clock import iso
from gateway.db.paging import every
from gateway.deferred import deferred
from gateway.delivery.destinations.search import find_destinations, show_destination
from gateway.delivery.destinations.summary import DestinationSummary
from gateway.delivery.models import DestinationKind

_schema = deferred("gateway.delivery.destinations.schema")

EXAMPLE = "gateway destinations add app https://app.example.com/events"


@click.command("list")
@with_invocation
def list_(invocation: Invocation) -> None:
    """List destinations."""
    with invocation.reading() as acting:
        found = list(every(lambda page: find_destinations(acting, page)))
    if invocation.as_json:
        print_json({"data": _schema.DestinationSchema(many=True).dump(found)})
        return
    if not found:
        note(f"No destinations yet. Add one: {EXAMPLE}")
    rows = [(row.name, row.state, row.backlog.unfinished, row.backlog.dead, row.url or row.handler) for row in found]
    print_table(("destination", "state", "unfinished", "dead", "target"), rows, now=invocation.now())
    note_out_of_order((row.name, row.out_of_order) for row in found)


@click.command()
@click.argument("name")
@with_invocation
def show(invocation: Invocation, name: str) -> None:
    """Show a destination with its settings, its circuit and its backlog."""
    with invocation.reading() as acting:
        row = show_destination(acting, name)
    if invocation.as_json:
        print_json(_schema.DestinationSchema().dump(row))
        return
    print_fields(_fields(row), now=invocation.now())


def _fields(row: DestinationSummary) -> list[tuple[str, Cell]]:
    steps = row.schedule_seconds
    secrets = [f"{len(row.secret_ends)} live", *(f"one ends {iso(end)}" for end in row.secret_ends if end is not None)]
    return [
        ("Destination", row.name),
        ("Handler" if row.kind == DestinationKind.HANDLER else "URL", row.handler or row.url),
        ("State", row.state),
        ("Out of order", reason(row.out_of_order)),
        ("Disabled", row.disabled_at),
        ("Circuit", row.circuit),
        ("Next probe", row.probe_at),
        ("Paused until", row.paused_until),
        ("Pending", row.backlog.pending),
        ("Being tried", row.backlog.leased),
        ("Dead", row.backlog.dead),
        ("Timeout", None if row.timeout_seconds is None else f"{row.timeout_seconds:g} s"),
        ("Concurrency", row.concurrency),
        ("Rate", None if row.rate_per_second is None else f"{row.rate_per_second:g} a second"),
        ("Schedule", None if steps is None else ", ".join(f"{step:g} s" for step in steps)),
        ("Ordering key", row.ordering_key),
        ("Headers", list(row.header_names)),
        ("Fatal statuses", [str(status) for status in row.fatal_statuses]),
        ("Signing secrets", secrets if row.kind == DestinationKind.HTTP else None),
        ("Created", row.created_at),
        ("Id", row.id),
    ]
