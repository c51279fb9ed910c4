"""`gateway routes`: which events of which source go where."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import common_options
from gateway.cli.terminal.out_of_order import note_out_of_order
from gateway.cli.terminal.output import note, print_json, print_table
from gateway.db.paging import every
from gateway.deferred import deferred
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.management import change_route, remove_route
from gateway.delivery.routes.search import find_routes
from gateway.errors import InvalidInput
from gateway.webhooks.routes import add_route

_schema = deferred("gateway.delivery.routes.schema")

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
@click.option("--to", "destination", required=True, metavar="NAME", help="The destination.")
@with_invocation
def add(
    invocation: Invocation,
    source: str,
    types: tuple[str, ...],
    where: str | None,
    transform: str | None,
    destination: str,
) -> None:
    """Send the events of a source to a destination, from now on."""
    draft = RouteDraft(source, destination, types, where, transform)
    with invocation.changing() as acting:
        route = add_route(acting, draft)
    if invocation.as_json:
        print_json(_schema.RouteSchema().dump(route))
    else:
        click.echo(f"Added the route {route.id}: {', '.join(route.event_types)} of {source} to {destination}.")


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
        (route.id, route.source, list(route.event_types), route.destination, route.where, route.transform, route.state)
        for route in found
    ]
    print_table(("route", "source", "types", "to", "where", "transform", "state"), rows, now=invocation.now())
    note_out_of_order((route.id, route.out_of_order) for route in found)


@routes.command()
@click.argument("route_id", metavar="ID")
@click.option("--type", "types", multiple=True, metavar="PATTERN", help="These types instead; * for all.")
@click.option("--where", metavar="JMESPATH", help="This filter instead; '' for none.")
@click.option("--transform", metavar="JMESPATH", help="This shape instead; '' for the raw body.")
@with_invocation
def change(
    invocation: Invocation, route_id: str, types: tuple[str, ...], where: str | None, transform: str | None
) -> None:
    """Change what is given, from now on. A replay of what the route had failed on uses it as it is then."""
    if not types and where is None and transform is None:
        raise InvalidInput("give --type, --where or --transform; for another destination add another route")
    with invocation.changing() as acting:
        route = change_route(acting, route_id, event_types=types or None, where=where, transform=transform)
    if invocation.as_json:
        print_json(_schema.RouteSchema().dump(route))
        return
    click.echo(
        f"Changed the route {route.id}: {', '.join(route.event_types)} of {route.source} to {route.destination}."
    )
    note(f"What it had failed on is still dead: gateway deliveries retry --state dead --source {route.source}")


@routes.command()
@click.argument("route_ids", nargs=-1, required=True, metavar="ID…")
@with_invocation
def remove(invocation: Invocation, route_ids: tuple[str, ...]) -> None:
    """Forget routes; deliveries that they made go on."""
    with invocation.changing() as acting:
        for route_id in route_ids:
            remove_route(acting, route_id)
    if invocation.as_json:
        print_json({"removed": list(route_ids)})
    else:
        click.echo(f"Removed {', '.join(route_ids)}.")
