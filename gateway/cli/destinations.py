"""`gateway destinations`: where deliveries go, how fast, and whether they get there."""

from __future__ import annotations

from datetime import timedelta

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import Duration, Pair, common_options
from gateway.cli.terminal.out_of_order import note_out_of_order, reason
from gateway.cli.terminal.output import Cell, note, print_fields, print_json, print_table
from gateway.clock import iso
from gateway.config import parse_schedule
from gateway.db.paging import every
from gateway.deferred import deferred
from gateway.delivery.destinations import management as use_cases
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import DEFAULT_OVERLAP, DestinationWithSecret
from gateway.delivery.destinations.search import find_destinations, show_destination
from gateway.delivery.destinations.summary import DestinationSummary
from gateway.delivery.models import DestinationKind
from gateway.errors import InvalidInput

_schema = deferred("gateway.delivery.destinations.schema")

EXAMPLE = "gateway destinations add app https://app.example.com/events"


@click.group()
@common_options
def destinations() -> None:
    """Where deliveries go: HTTP endpoints, and the handlers of the application."""


@destinations.command()
@click.argument("name")
@click.argument("url")
@click.option("--ordering-key", metavar="JMESPATH", help="Deliver one after another what has an equal key.")
@click.option("--timeout", type=Duration(), help="How long one try may take [10s].")
@click.option("--concurrency", type=int, metavar="N", help="At most N tries at once, over all workers.")
@click.option("--rate", type=float, metavar="N", help="At most N tries a second.")
@click.option("--schedule", metavar="SECONDS,…", help="Pauses between tries, for example 5,30,120.")
@click.option("--header", "headers", type=Pair(":"), multiple=True, metavar="NAME:VALUE", help="A header to send.")
@click.option("--fatal-status", "fatal", type=int, multiple=True, metavar="STATUS", help="Give up at once on this.")
@with_invocation
def add(
    invocation: Invocation,
    name: str,
    url: str,
    ordering_key: str | None,
    timeout: timedelta | None,
    concurrency: int | None,
    rate: float | None,
    schedule: str | None,
    headers: tuple[tuple[str, str], ...],
    fatal: tuple[int, ...],
) -> None:
    """Add the HTTP endpoint URL as NAME. Prints the secret that it verifies our signatures with, this once."""
    draft = DestinationDraft(
        name=name,
        url=url,
        ordering_key=ordering_key,
        timeout_seconds=None if timeout is None else timeout.total_seconds(),
        concurrency=concurrency,
        rate_per_second=rate,
        schedule_seconds=_schedule(schedule),
        headers=headers,
        fatal_statuses=fatal,
    )
    with invocation.changing() as acting:
        added = use_cases.add_destination(acting, draft)
    if invocation.as_json:
        print_json(_shown(added))
        return
    click.echo(f"Added the destination {name}.")
    _print_secret(added.secret)
    note(f"Next: gateway routes add --source SOURCE --to {name}")


@destinations.command("list")
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


@destinations.command()
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


@destinations.command()
@click.argument("name")
@with_invocation
def disable(invocation: Invocation, name: str) -> None:
    """Stop delivering to NAME; its deliveries wait."""
    with invocation.changing() as acting:
        row = use_cases.disable_destination(acting, name)
    if invocation.as_json:
        print_json(_schema.DestinationSchema().dump(row))
    else:
        click.echo(f"{name} is disabled: its deliveries wait. Undo: gateway destinations enable {name}")


@destinations.command()
@click.argument("name")
@with_invocation
def enable(invocation: Invocation, name: str) -> None:
    """Deliver to NAME again, at once: its circuit is closed and its pause forgotten."""
    with invocation.changing() as acting:
        row = use_cases.enable_destination(acting, name)
    if invocation.as_json:
        print_json(_schema.DestinationSchema().dump(row))
        return
    click.echo(f"{name} is enabled, its circuit closed.")
    if row.backlog.dead:
        note(f"{row.backlog.dead} are dead: gateway deliveries retry --state dead --destination {name}")


@destinations.command()
@click.argument("name")
@click.option("--overlap", type=Duration(), default=DEFAULT_OVERLAP, help="How long the old one still signs [24h].")
@with_invocation
def rotate(invocation: Invocation, name: str, overlap: timedelta) -> None:
    """Sign with a new secret, which is printed; the old one signs too for --overlap more."""
    with invocation.changing() as acting:
        rotated = use_cases.rotate_secret(acting, name, overlap=overlap)
    if invocation.as_json:
        print_json(_shown(rotated))
        return
    _print_secret(rotated.secret)
    ends = [end for end in rotated.destination.secret_ends if end is not None]
    note(f"The old one signs too until {iso(max(ends))}." if ends else "The old one does not sign any more.")


@destinations.command()
@click.argument("name")
@with_invocation
def remove(invocation: Invocation, name: str) -> None:
    """Forget NAME; refused while routes lead to it or deliveries wait for it."""
    with invocation.changing() as acting:
        use_cases.remove_destination(acting, name)
    if invocation.as_json:
        print_json({"removed": name})
    else:
        click.echo(f"Removed the destination {name}.")


def _schedule(text: str | None) -> tuple[float, ...] | None:
    try:
        return None if text is None else parse_schedule(text)
    except ValueError as fault:
        raise InvalidInput(f"--schedule {fault}") from None


def _shown(made: DestinationWithSecret) -> dict[str, object]:
    shown: dict[str, object] = _schema.DestinationSchema().dump(made.destination)
    return shown | {"secret": made.secret}


def _print_secret(secret: str) -> None:
    click.echo(f"Signing secret: {secret}")
    note("The secret is shown this once: the endpoint verifies the Standard Webhooks signature with it.")


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
