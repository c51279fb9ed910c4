"""`gateway routes`: which events of which source go where."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from gateway.cli.event_replay import plan_option, replay_many, yes_option
from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.jobs_here import detach_option
from gateway.cli.route_trial import test
from gateway.cli.terminal.event_filter import EventChoice
from gateway.cli.terminal.options import TimeOrAge, common_options
from gateway.cli.terminal.out_of_order import note_out_of_order, reason
from gateway.cli.terminal.output import note, print_fields, print_json, print_table
from gateway.cli.terminal.questions import confirm_at_terminal, terminal_yes_option
from gateway.cli.terminal.trials import trial_lines
from gateway.db.paging import every
from gateway.deferred import deferred
from gateway.delivery.event_replay.aim import Again, Aim
from gateway.delivery.routes.draft import RouteChange, RouteDraft
from gateway.delivery.routes.management import remove_route
from gateway.delivery.routes.search import RouteSummary, find_routes, show_route
from gateway.errors import InvalidInput
from gateway.webhooks.known_names import require_types
from gateway.webhooks.routes import add_route, change_route

if TYPE_CHECKING:
    from gateway.webhooks.route_trials import Trial

_schema = deferred("gateway.delivery.routes.schema")
_trials = deferred("gateway.webhooks.route_trials")

EXAMPLE = "gateway routes add --source github --type 'pull_request.*' --to app"


@click.group()
@common_options
def routes() -> None:
    """Which events of which source go to which destination."""


@routes.command()
@click.option("--source", required=True, help="The source, or `gateway` for the gateway's own events.")
@click.option("--type", "types", multiple=True, metavar="PATTERN", help="An event type, or a pattern; else all.")
@click.option("--where", metavar="JMESPATH", help="Only events for which this holds.")
@click.option("--transform", metavar="JMESPATH", help="Send this instead of the raw body.")
@click.option("--allow-null", is_flag=True, help="Send null where the transform gives it; else a dead letter is made.")
@click.option("--connection", metavar="ID", help="Hand over a fresh token of this connection with each delivery.")
@click.option("--to", "destination", required=True, metavar="DESTINATION", help="The destination.")
@click.option("--name", metavar="NAME", help="What the route is called; else SOURCE-to-DESTINATION.")
@with_invocation
def add(
    invocation: Invocation,
    source: str,
    types: tuple[str, ...],
    where: str | None,
    transform: str | None,
    allow_null: bool,
    connection: str | None,
    destination: str,
    name: str | None,
) -> None:
    """Send the events of a source to a destination, from now on."""
    draft = RouteDraft(source, destination, types, where, transform, name, allow_null, connection)
    with invocation.changing() as acting:
        require_types(acting, source, types)
        route = add_route(acting, draft)
    trial = _try(invocation, route)
    if invocation.as_json:
        print_json(_with_trial(route, trial))
        return
    click.echo(f"Added the route {_in_words(route)}.")
    _note_trial(route, trial)
    note(f"It takes what comes from now on; what came before: gateway routes backfill {route.name} --since 24h")


@routes.command("list")
@with_invocation
def list_(invocation: Invocation) -> None:
    """List routes."""
    with invocation.reading() as acting:
        found = list(every(lambda page: find_routes(acting, page)))
    if invocation.as_json:
        print_json({"data": _schema.RouteSchema(many=True).dump(found)})
        return
    if not found:
        note(f"No routes yet. Add one: {EXAMPLE}")
    rows = [
        (
            route.id,
            route.name,
            route.source,
            list(route.event_types),
            route.destination,
            route.where,
            route.transform,
            route.state,
        )
        for route in found
    ]
    columns = ("route", "name", "source", "types", "to", "where", "transform", "state")
    print_table(columns, rows, now=invocation.now())
    note_out_of_order((route.name, route.out_of_order) for route in found)


@routes.command()
@click.argument("key", metavar="NAME")
@with_invocation
def show(invocation: Invocation, key: str) -> None:
    """Show the route NAME, or the one with this id."""
    with invocation.reading() as acting:
        route = show_route(acting, key)
    if invocation.as_json:
        print_json(_schema.RouteSchema().dump(route))
        return
    print_fields(
        [
            ("Route", route.name),
            ("Source", route.source),
            ("Types", list(route.event_types)),
            ("To", route.destination),
            ("Where", route.where),
            ("Transform", route.transform),
            ("Allows null", "yes" if route.allow_null else None),
            ("Hands over the token of", route.connection),
            ("State", route.state),
            ("Out of order", reason(route.out_of_order)),
            ("Created", route.created_at),
            ("Id", route.id),
        ],
        now=invocation.now(),
    )


@routes.command()
@click.argument("key", metavar="NAME")
@click.option("--type", "types", multiple=True, metavar="PATTERN", help="These types instead; * for all.")
@click.option("--where", metavar="JMESPATH", help="This filter instead; '' for none.")
@click.option("--transform", metavar="JMESPATH", help="This shape instead; '' for the raw body.")
@click.option("--allow-null/--no-allow-null", default=None, help="Whether null is sent where the transform gives it.")
@click.option("--connection", metavar="ID", help="Hand over a fresh token of this connection; '' for none.")
@click.option("--source", help="The events of this source instead.")
@click.option("--to", "destination", metavar="DESTINATION", help="To this destination instead.")
@click.option("--name", metavar="NAME", help="Another name.")
@with_invocation
def change(
    invocation: Invocation,
    key: str,
    types: tuple[str, ...],
    where: str | None,
    transform: str | None,
    allow_null: bool | None,
    connection: str | None,
    source: str | None,
    destination: str | None,
    name: str | None,
) -> None:
    """Change what is given of the route NAME, or of the one with this id, from now on.

    The route stays the same one: a replay of what it had failed on uses it as it is then.
    """
    wanted = RouteChange(name, source, destination, types or None, where, transform, allow_null, connection)
    if wanted == RouteChange():
        raise InvalidInput("give --type, --where, --transform, --allow-null, --connection, --source, --to or --name")
    with invocation.changing() as acting:
        if types:
            require_types(acting, source or show_route(acting, key).source, types)
        route = change_route(acting, key, wanted)
    trial = _try(invocation, route)
    if invocation.as_json:
        print_json(_with_trial(route, trial))
        return
    click.echo(f"Changed the route {_in_words(route)}.")
    _note_trial(route, trial)
    note(f"What it had failed on is still dead: gateway deliveries retry --state dead --source {route.source}")


@routes.command()
@click.argument("key", metavar="NAME")
@click.option("--since", type=TimeOrAge(), metavar="TIME", required=True, help="Events not older than this: 24h.")
@click.option("--until", type=TimeOrAge(), metavar="TIME", help="Events older than this; else all until now.")
@plan_option
@yes_option
@detach_option
@with_invocation
def backfill(
    invocation: Invocation,
    key: str,
    since: datetime | timedelta,
    until: datetime | timedelta | None,
    plan: bool,
    yes: bool,
    detach: bool,
) -> None:
    """Deliver through the route NAME what came before it was there, oldest first.

    What it had delivered already, also under another name, is left alone: it may be done again at any time.
    """
    choice = EventChoice(None, None, None, since, until)
    replay_many(invocation, choice, Aim(Again.NONE, route=key), plan=plan, yes=yes, detach=detach)


@routes.command()
@click.argument("keys", nargs=-1, required=True, metavar="NAME…")
@terminal_yes_option
@with_invocation
def remove(invocation: Invocation, keys: tuple[str, ...], yes: bool) -> None:
    """Forget routes, by their names or ids; deliveries that they made go on."""
    with invocation.reading() as acting:
        meant = [_in_words(show_route(acting, key)) for key in keys]
    confirm_at_terminal(f"Forget {'; '.join(meant)}?", yes=yes)
    with invocation.changing() as acting:
        for key in keys:
            remove_route(acting, key)
    if invocation.as_json:
        print_json({"removed": list(keys)})
    else:
        click.echo(f"Removed {', '.join(keys)}.")


routes.add_command(test)


def _in_words(route: RouteSummary) -> str:
    return f"{route.name}: {', '.join(route.event_types)} of {route.source} to {route.destination}"


def _try(invocation: Invocation, route: RouteSummary) -> Trial | None:
    # After the change and apart from it: writers need not wait for what is read here.
    with invocation.reading() as acting:
        trial: Trial | None = _trials.RouteTrials(acting).of(route.draft)
    return trial


def _with_trial(route: RouteSummary, trial: Trial | None) -> dict[str, object]:
    shown: dict[str, object] = _schema.RouteSchema().dump(route)
    return shown if trial is None else shown | {"trial": trial}


def _note_trial(route: RouteSummary, trial: Trial | None) -> None:
    for line in () if trial is None else trial_lines(route.name, trial):
        note(line)
