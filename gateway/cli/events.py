"""`gateway events`: what was received, what became of it, and sending it again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.bodies import body_data, print_contents
from gateway.cli.terminal.options import as_moment, common_options
from gateway.cli.terminal.output import as_data, iso, note, print_fields, print_json, print_json_line, print_table
from gateway.cli.terminal.output import show as shown
from gateway.cli.terminal.paging import note_more, page_options, time_options
from gateway.db.paging import PageRequest
from gateway.delivery.replay import replay_event
from gateway.delivery.search import (
    AttemptSummary,
    DeliverySummary,
    EventStatus,
    deliveries_of,
    event_statuses,
    has_status,
)
from gateway.events.follow import Follower
from gateway.events.search import EventFilter, EventSummary, find_events, show_event

POLL_SECONDS = 0.25


@click.group()
@common_options
def events() -> None:
    """What was received, and what became of it."""


@events.command("list")
@click.option("--source", help="Only of this source.")
@click.option("--type", "type_", metavar="PATTERN", help="Only of this type; * and ? stand for anything.")
@click.option("--status", type=click.Choice([status.value for status in EventStatus]), help="What became of them.")
@time_options
@page_options
@with_invocation
def list_(
    invocation: Invocation,
    source: str | None,
    type_: str | None,
    status: str | None,
    since: datetime | timedelta | None,
    until: datetime | timedelta | None,
    limit: int,
    cursor: str | None,
) -> None:
    """List events, newest first."""
    now = invocation.now()
    wanted = EventFilter(source, type_, as_moment(since, now), as_moment(until, now))
    also = None if status is None else has_status(EventStatus(status))
    with invocation.session() as session:
        page = find_events(session, wanted, PageRequest(limit, cursor), also=also)
        statuses = event_statuses(session, [event.id for event in page.rows])
    if invocation.as_json:
        data = [as_data(event) | {"status": statuses[event.id].value} for event in page.rows]
        print_json({"data": data, "next_cursor": page.next_cursor})
        return
    if not page.rows:
        _note_none(filtered=any((source, type_, status, since, until, cursor)))
    rows = [
        (event.id, event.received_at, event.source, event.type, statuses[event.id], event.body_bytes)
        for event in page.rows
    ]
    print_table(("event", "received", "source", "type", "status", "bytes"), rows, now=now)
    note_more(page.next_cursor)


@events.command()
@click.argument("event_id", metavar="ID")
@with_invocation
def show(invocation: Invocation, event_id: str) -> None:
    """Show an event: what came, and its deliveries with their attempts."""
    with invocation.session() as session:
        event = show_event(session, event_id)
        deliveries = deliveries_of(session, event_id)
        status = event_statuses(session, [event_id])[event_id]
    if invocation.as_json:
        made = [as_data(delivery) | {"attempts": as_data(attempts)} for delivery, attempts in deliveries]
        data: dict[str, Any] = as_data(event.summary)
        request = {"request_id": event.request_id, "method": event.method, "url": event.url, "headers": event.headers}
        print_json(data | {"status": status} | request | body_data(event.body) | {"deliveries": made})
        return
    summary = event.summary
    print_fields(
        [
            ("Event", summary.id),
            ("Type", summary.type),
            ("Source", summary.source),
            ("Provider", summary.provider),
            ("Status", status),
            ("Received", summary.received_at),
            ("Dedupe key", summary.dedupe_key),
            ("Request", f"{event.method} {event.url}" if event.url else None),
            ("Request id", event.request_id),
            ("Content type", summary.content_type),
        ],
        now=invocation.now(),
    )
    _print_deliveries(deliveries)
    print_contents(event.headers, event.body)


@events.command()
@click.option("--source", help="Only of this source.")
@click.option("--type", "type_", metavar="PATTERN", help="Only of this type; * and ? stand for anything.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Stop after N events.")
@with_invocation
def tail(invocation: Invocation, source: str | None, type_: str | None, limit: int | None) -> None:
    """Follow events as they come, until Ctrl-C. With --json one object a line."""
    with invocation.session() as session:
        tenant_id = session.tenant_id
    follower = Follower(EventFilter(source=source, type=type_), invocation.installation.clock)
    note("Waiting for events; Ctrl-C ends it.")
    left = limit
    try:
        while left is None or left > 0:
            with invocation.database.tenant_session(tenant_id) as session:
                found = follower.next_events(session)
            for event in found[:left]:
                _print_followed(invocation, event)
            left = None if left is None else left - len(found[:left])
            if not found:
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        note("")


@events.command()
@click.argument("event_id", metavar="ID")
@with_invocation
def replay(invocation: Invocation, event_id: str) -> None:
    """Deliver an event again, everywhere it went; what is being tried at this moment is left alone."""
    with invocation.session(write=True) as session:
        count = replay_event(session, event_id, now_us=invocation.installation.clock.now_us())
    if invocation.as_json:
        print_json({"event_id": event_id, "replayed": count})
    elif count:
        click.echo(f"{count} {'delivery is' if count == 1 else 'deliveries are'} due again.")
    else:
        note("Nothing to deliver again: no route led anywhere when the event came, or all of it is being tried now.")


def _note_none(*, filtered: bool) -> None:
    note(
        "No event matches."
        if filtered
        else "No events yet. Send a sample: gateway send github; see what was refused: gateway rejections list"
    )


def _print_followed(invocation: Invocation, event: EventSummary) -> None:
    if invocation.as_json:
        print_json_line(event)
    else:
        click.echo("\t".join((iso(event.received_at), event.id, shown(event.source), shown(event.type))))


def _print_deliveries(deliveries: Sequence[tuple[DeliverySummary, Sequence[AttemptSummary]]]) -> None:
    if not deliveries:
        click.echo("\nNo deliveries: no route led anywhere when it came.")
        return
    click.echo("\nDeliveries")
    for delivery, attempts in deliveries:
        reason = f" ({delivery.reason})" if delivery.reason else ""
        click.echo(f"  {delivery.id}  {delivery.state}{reason}  to {shown(delivery.destination)}")
        for line in attempt_lines(attempts):
            click.echo(f"    {line}")


def attempt_lines(attempts: Sequence[AttemptSummary]) -> list[str]:
    """One line per attempt. Pure."""
    return [
        f"attempt {one.number}  {iso(one.started_at)}  {one.outcome}"
        + (f" {one.status}" if one.status is not None else "")
        + f"  {one.duration_ms} ms"
        + (f"  {shown(one.error)}" if one.error else "")
        for one in attempts
    ]
