"""`gateway destinations add`, `change`, `disable`, `enable`, `rotate` and `remove`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import Duration, Pair
from gateway.cli.terminal.output import note, print_json
from gateway.cli.terminal.questions import confirm_at_terminal, terminal_yes_option
from gateway.cli.terminal.secret_options import from_variable, trimmed
from gateway.clock import iso
from gateway.config import parse_schedule
from gateway.deferred import deferred
from gateway.delivery.destinations import management as use_cases
from gateway.delivery.destinations.changes import DestinationChange
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.management import DEFAULT_OVERLAP
from gateway.delivery.destinations.search import require_destination
from gateway.errors import InvalidInput

_schema = deferred("gateway.delivery.destinations.schema")

_DEFAULTS: Mapping[str, tuple[str, Any]] = {
    "ordering-key": ("ordering_key", None),
    "timeout": ("timeout_seconds", None),
    "concurrency": ("concurrency", None),
    "rate": ("rate_per_second", None),
    "schedule": ("schedule_seconds", None),
    "fatal-status": ("fatal_statuses", ()),
    "connection": ("connection", None),
}


@click.command()
@click.argument("name")
@click.argument("url")
@click.option("--ordering-key", metavar="JMESPATH", help="Deliver one after another what has an equal key.")
@click.option("--timeout", type=Duration(), help="How long one try may take [10s].")
@click.option("--concurrency", type=int, metavar="N", help="At most N tries at once, over all workers.")
@click.option("--rate", type=float, metavar="N", help="At most N tries a second.")
@click.option("--schedule", metavar="SECONDS,…", help="Pauses between tries, for example 5,30,120.")
@click.option("--header", "headers", type=Pair(":"), multiple=True, metavar="NAME:VALUE", help="A header to send.")
@click.option("--fatal-status", "fatal", type=int, multiple=True, metavar="STATUS", help="Give up at once on this.")
@click.option("--connection", metavar="ID", help="Send along a fresh token of this connection.")
@click.option("--secret-env", metavar="VAR", help="The variable that holds the signing secret; else one is made.")
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
    connection: str | None,
    secret_env: str | None,
) -> None:
    """Add the HTTP endpoint URL as NAME.

    Prints the secret that is made for it to verify our signatures with, this once.
    """
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
        connection=connection,
        secret=_given_secret(secret_env),
    )
    with invocation.changing() as acting:
        added = use_cases.add_destination(acting, draft)
    if invocation.as_json:
        print_json(_schema.DestinationWithSecretSchema().dump(added))
        return
    click.echo(f"Added the destination {name}.")
    if draft.secret is None:
        _print_secret(added.secret)
    note(f"Next: gateway routes add --source SOURCE --to {name}")


@click.command()
@click.argument("name")
@click.option("--url", help="This endpoint instead.")
@click.option("--ordering-key", metavar="JMESPATH", help="Deliver one after another what has an equal key.")
@click.option("--timeout", type=Duration(), help="How long one try may take.")
@click.option("--concurrency", type=int, metavar="N", help="At most N tries at once, over all workers.")
@click.option("--rate", type=float, metavar="N", help="At most N tries a second.")
@click.option("--schedule", metavar="SECONDS,…", help="Pauses between tries, for example 5,30,120.")
@click.option("--header", "headers", type=Pair(":"), multiple=True, metavar="NAME:VALUE", help="A header to send.")
@click.option("--without-header", "dropped", multiple=True, metavar="NAME", help="A header to send no more.")
@click.option("--fatal-status", "fatal", type=int, multiple=True, metavar="STATUS", help="Give up on these instead.")
@click.option("--connection", metavar="ID", help="Send along a fresh token of this connection.")
@click.option("--default", "defaults", type=click.Choice(list(_DEFAULTS)), multiple=True, help="As if it were not set.")
@with_invocation
def change(
    invocation: Invocation,
    name: str,
    url: str | None,
    ordering_key: str | None,
    timeout: timedelta | None,
    concurrency: int | None,
    rate: float | None,
    schedule: str | None,
    headers: tuple[tuple[str, str], ...],
    dropped: tuple[str, ...],
    fatal: tuple[int, ...],
    connection: str | None,
    defaults: tuple[str, ...],
) -> None:
    """Change what is given of the destination NAME, for tries from now on; what is not given stays, headers too."""
    wanted: dict[str, Any] = {
        "url": url,
        "ordering_key": ordering_key,
        "timeout_seconds": None if timeout is None else timeout.total_seconds(),
        "concurrency": concurrency,
        "rate_per_second": rate,
        "schedule_seconds": _schedule(schedule),
        "headers": dict.fromkeys(dropped) | dict(headers) or None,
        "fatal_statuses": fatal or None,
        "connection": connection,
    }
    given = {field: value for field, value in wanted.items() if value is not None}
    if not given and not defaults:
        raise InvalidInput("nothing is to be changed: give an option")
    change = DestinationChange(**(given | dict(_DEFAULTS[one] for one in defaults)))
    with invocation.changing() as acting:
        row = use_cases.change_destination(acting, name, change)
    if invocation.as_json:
        print_json(_schema.DestinationSchema().dump(row))
    else:
        click.echo(f"Changed the destination {row.name}.")
        note(f"See whether it is taken: gateway destinations test {row.name}")


@click.command()
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


@click.command()
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


@click.command()
@click.argument("name")
@click.option("--overlap", type=Duration(), default=DEFAULT_OVERLAP, help="How long the old one still signs [24h].")
@click.option("--secret-env", metavar="VAR", help="The variable that holds the new one; else one is made.")
@with_invocation
def rotate(invocation: Invocation, name: str, overlap: timedelta, secret_env: str | None) -> None:
    """Sign with a new secret, which is printed; the old one signs too for --overlap more."""
    given = _given_secret(secret_env)
    with invocation.changing() as acting:
        rotated = use_cases.rotate_secret(acting, name, overlap=overlap, secret=given)
    if invocation.as_json:
        print_json(_schema.DestinationWithSecretSchema().dump(rotated))
        return
    if given is None:
        _print_secret(rotated.secret)
    ends = [end for end in rotated.destination.secret_ends if end is not None]
    note(f"The old one signs too until {iso(max(ends))}." if ends else "The old one does not sign any more.")


@click.command()
@click.argument("name")
@terminal_yes_option
@with_invocation
def remove(invocation: Invocation, name: str, yes: bool) -> None:
    """Forget NAME, for good; refused while routes lead to it or deliveries wait for it."""
    with invocation.reading() as acting:
        require_destination(acting.session, name)
    confirm_at_terminal(f"Forget the destination {name} with its secrets, for good?", yes=yes)
    with invocation.changing() as acting:
        use_cases.remove_destination(acting, name)
    if invocation.as_json:
        print_json({"removed": name})
    else:
        click.echo(f"Removed the destination {name}.")


@click.command()
@click.argument("name")
@click.option("--for", "pause_for", type=Duration(), required=True, metavar="DURATION", help="How long: 30m, 2h.")
@with_invocation
def pause(invocation: Invocation, name: str, pause_for: timedelta) -> None:
    """Try nothing at NAME for a while, then go on by itself; its deliveries wait and burn no attempts.

    For longer than a day, or for good: `gateway destinations disable`.
    """
    with invocation.changing() as acting:
        row = use_cases.pause_destination(acting, name, pause=pause_for)
    if invocation.as_json:
        print_json(_schema.DestinationSchema().dump(row))
    elif row.paused_until is not None:
        click.echo(f"{name} is paused until {iso(row.paused_until)}. Sooner: gateway destinations enable {name}")


def _given_secret(variable: str | None) -> str | None:
    return None if variable is None else trimmed(from_variable(variable))


def _schedule(text: str | None) -> tuple[float, ...] | None:
    try:
        return None if text is None else parse_schedule(text)
    except ValueError as fault:
        raise InvalidInput(f"--schedule {fault}") from None


def _print_secret(secret: str) -> None:
    click.echo(f"Signing secret: {secret}")
    note("The secret is shown this once: the endpoint verifies the Standard Webhooks signature with it.")
