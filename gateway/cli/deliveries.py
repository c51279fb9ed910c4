"""`gateway deliveries`: what was sent, and trying again or stopping, one or many."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from gateway.cli.events import print_attempts
from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.jobs_here import carry_out_or_detach, detach_option
from gateway.cli.terminal.bodies import pretty, print_raw
from gateway.cli.terminal.options import common_options, to_time
from gateway.cli.terminal.output import note, print_fields, print_json, print_table
from gateway.cli.terminal.paging import note_more, page_options, time_options
from gateway.cli.terminal.progress import Progress
from gateway.cli.terminal.questions import require_yes
from gateway.db.paging import PageRequest
from gateway.deferred import deferred
from gateway.delivery.decisions.transitions import RETRYABLE
from gateway.delivery.destinations.search import require_destination
from gateway.delivery.models import DeliveryState
from gateway.delivery.retry import (
    RetryFilter,
    cancel_delivery,
    count_retry,
    retry_delivery,
)
from gateway.delivery.search import DeliveryDetail, DeliverySearch, find_deliveries, show_delivery
from gateway.errors import InvalidInput
from gateway.events.search import show_event
from gateway.tenants.acting import Acting
from gateway.webhooks.known_names import require_filterable

_bulk = deferred("gateway.delivery.bulk.carrying_out")
_kinds = deferred("gateway.delivery.bulk.kinds")
_schema = deferred("gateway.delivery.schema")

STATES = [state.value for state in DeliveryState]
RETRYABLE_STATES = [state.value for state in DeliveryState if state in RETRYABLE]


@click.group()
@common_options
def deliveries() -> None:
    """Events on their way to destinations."""


@deliveries.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only in this state.")
@click.option("--destination", metavar="NAME", help="Only to this destination.")
@click.option("--event", "event_id", metavar="ID", help="Only of this event.")
@time_options
@page_options
@with_invocation
def list_(
    invocation: Invocation,
    state: str | None,
    destination: str | None,
    event_id: str | None,
    since: datetime | timedelta | None,
    until: datetime | timedelta | None,
    limit: int,
    cursor: str | None,
) -> None:
    """List deliveries, newest first."""
    now = invocation.now()
    wanted = DeliverySearch(
        state=None if state is None else DeliveryState(state),
        destination=destination,
        event_id=event_id,
        since=to_time(since, now),
        until=to_time(until, now),
    )
    with invocation.reading() as acting:
        page = find_deliveries(acting, wanted, PageRequest(limit, cursor))
    if invocation.as_json:
        print_json({"data": _schema.DeliverySchema(many=True).dump(page.rows), "next_cursor": page.next_cursor})
        return
    if not page.rows:
        filtered = any((state, destination, event_id, since, until, cursor))
        note("No delivery matches." if filtered else "No deliveries yet. They come with events that a route takes.")
    rows = [
        (
            row.id,
            row.created_at,
            row.state,
            row.attempts_made,
            row.destination,
            row.event_id,
            row.next_attempt_at,
            row.reason,
        )
        for row in page.rows
    ]
    columns = ("delivery", "created", "state", "attempts", "destination", "event", "next attempt", "reason")
    print_table(columns, rows, now=now)
    note_more(page.next_cursor)


@deliveries.command()
@click.argument("delivery_id", metavar="ID")
@click.option("--body", "only_body", is_flag=True, help="What it sends, alone: the transform's, or the event's body.")
@with_invocation
def show(invocation: Invocation, delivery_id: str, only_body: bool) -> None:
    """Show a delivery, its attempts with what the receiver answered, and what its route's transform made."""
    with invocation.reading() as acting:
        delivery = show_delivery(acting, delivery_id)
        body = _body(acting, delivery) if only_body else b""
    if only_body:
        print_raw(body)
        return
    if invocation.as_json:
        print_json(_schema.DeliveryDetailSchema().dump(delivery))
        return
    print_fields(
        [
            ("Delivery", delivery.id),
            ("Event", delivery.event_id),
            ("Destination", delivery.destination),
            ("Route", delivery.route_id),
            ("State", delivery.state),
            ("Reason", delivery.reason),
            ("Detail", delivery.detail),
            ("Ordering key", delivery.ordering_key),
            ("Sends", "the route's transform" if delivery.is_transformed else "the event's body"),
            ("Created", delivery.created_at),
            ("Next attempt", delivery.next_attempt_at),
            ("Finished", delivery.finished_at),
        ],
        now=invocation.now(),
    )
    click.echo("\nAttempts" if delivery.attempts else "\nNo attempts yet.")
    print_attempts(delivery.attempts, indent="  ")
    if delivery.payload is not None:
        click.echo(f"\nSent, as its route's transform made it ({len(delivery.payload.encode())} bytes)")
        click.echo(pretty(delivery.payload.encode()))


@deliveries.command()
@click.argument("delivery_id", metavar="[ID]", required=False)
@click.option("--state", type=click.Choice(RETRYABLE_STATES), help="Without ID: all in this state.")
@click.option("--destination", metavar="NAME", help="Without ID: only to this destination.")
@click.option("--source", help="Without ID: only of this source.")
@click.option("--type", "type_", metavar="PATTERN", help="Without ID: only of this type; * and ? stand for anything.")
@time_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@detach_option
@with_invocation
def retry(
    invocation: Invocation,
    delivery_id: str | None,
    state: str | None,
    destination: str | None,
    source: str | None,
    type_: str | None,
    since: datetime | timedelta | None,
    until: datetime | timedelta | None,
    yes: bool,
    detach: bool,
) -> None:
    """Try a delivery again now, from the beginning of its schedule; or, without ID, every one that matches.

    Many at once: `gateway deliveries retry --state dead --destination app --since 2h`.
    """
    if delivery_id is not None and any((state, destination, source, type_, since, until)):
        raise InvalidInput("give an ID or a filter, not both")
    if delivery_id is not None:
        _retry_one(invocation, delivery_id)
        return
    if state is None:
        raise InvalidInput("give an ID, or --state with further filters: gateway deliveries retry --state dead")
    now = invocation.now()
    chosen = RetryFilter(
        states=frozenset({DeliveryState(state)}),
        destination=destination,
        source=source,
        type=type_,
        since=to_time(since, now),
        until=to_time(until, now),
    )
    with invocation.reading() as acting:
        count = count_retry(acting, chosen)
        if not count:
            require_filterable(acting, source, type_)
    if count:
        require_yes(f"Try {count} {state} {'delivery' if count == 1 else 'deliveries'} again?", yes=yes)
    done = 0
    if count:
        payload = _bulk.as_payload(chosen)
        with Progress(f"Of {count} tried again: {{}}") as progress:
            result = carry_out_or_detach(invocation, _kinds.RETRY, payload, progress, detach=detach)
        if result is None:
            return
        done = result["count"]
    if invocation.as_json:
        print_json({"retried": done})
    else:
        click.echo(f"{done} {'delivery is' if done == 1 else 'deliveries are'} due now.")


@deliveries.command()
@click.argument("delivery_id", metavar="[ID]", required=False)
@click.option("--destination", metavar="NAME", help="Without ID: every pending one to this destination.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@detach_option
@with_invocation
def cancel(invocation: Invocation, delivery_id: str | None, destination: str | None, yes: bool, detach: bool) -> None:
    """Stop a delivery, or every pending one to a destination. A retry brings it back."""
    if (delivery_id is None) == (destination is None):
        raise InvalidInput("give an ID, or --destination NAME for all that are pending")
    if delivery_id is not None:
        with invocation.changing() as acting:
            cancel_delivery(acting, delivery_id)
        count = 1
    else:
        require_yes(f"Cancel every pending delivery to {destination}?", yes=yes)
        with invocation.reading() as acting:
            require_destination(acting.session, destination or "")
        with Progress("{} cancelled") as progress:
            payload = {"destination": destination}
            result = carry_out_or_detach(invocation, _kinds.CANCEL, payload, progress, detach=detach)
        if result is None:
            return
        count = result["count"]
    if invocation.as_json:
        print_json({"cancelled": count})
    else:
        click.echo(f"{count} {'delivery is' if count == 1 else 'deliveries are'} cancelled.")


def _body(acting: Acting, delivery: DeliveryDetail) -> bytes:
    return show_event(acting, delivery.event_id).body if delivery.payload is None else delivery.payload.encode()


def _retry_one(invocation: Invocation, delivery_id: str) -> None:
    with invocation.changing() as acting:
        delivery = retry_delivery(acting, delivery_id)
    if invocation.as_json:
        print_json({"id": delivery.id, "state": delivery.state})
    else:
        click.echo(f"{delivery_id} is due now.")
