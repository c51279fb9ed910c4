"""`gateway events`: what was received, what became of it, and sending it again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import click

from gateway.cli.event_fixture import fixture
from gateway.cli.event_forgetting import forget
from gateway.cli.event_replay import replay
from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.bodies import pretty, print_contents, print_raw
from gateway.cli.terminal.curl import curl_command
from gateway.cli.terminal.event_filter import (
    EventChoice,
    source_option,
    type_option,
    with_event_choice,
    with_looked_for,
)
from gateway.cli.terminal.options import common_options
from gateway.cli.terminal.output import (
    note,
    print_fields,
    print_json,
    print_json_line,
    print_table,
    printable,
    printable_lines,
)
from gateway.cli.terminal.output import show as shown
from gateway.cli.terminal.paging import note_more, page_options
from gateway.clock import iso
from gateway.db.paging import PageRequest
from gateway.deferred import deferred
from gateway.delivery.journal import JournalDetail, find_in_journal, show_in_journal
from gateway.delivery.looked_for import LookedFor
from gateway.delivery.repeating import Repeatable, repeatable
from gateway.delivery.search import AttemptSummary, DeliveryDetail
from gateway.events.follow import Follower
from gateway.events.search import EventFilter, EventSummary, events_after
from gateway.webhooks.known_names import require_filterable

_schema = deferred("gateway.delivery.schema")
_event_schema = deferred("gateway.events.schema")

POLL_SECONDS = 0.25


@click.group()
@common_options
def events() -> None:
    """What was received, and what became of it."""


@events.command("list")
@with_looked_for
@with_event_choice
@page_options
@with_invocation
def list_(invocation: Invocation, choice: EventChoice, inside: LookedFor, limit: int, cursor: str | None) -> None:
    """List events, newest first.

    Words are whole, in any case and order: order-1234 are two. Looking inside of events takes about a second a page,
    which says how far that went.
    """
    now = invocation.now()
    with invocation.reading() as acting:
        wanted = choice.filter(now)
        page = find_in_journal(acting, wanted, PageRequest(limit, cursor), status=choice.status, looked_for=inside)
        if not page.rows and cursor is None and page.looked_back_to is None:
            require_filterable(acting, choice.source, choice.type)
    if invocation.as_json:
        reached = {} if page.looked_back_to is None else {"looked_back_to": iso(page.looked_back_to)}
        rows = _schema.JournalLineSchema(many=True).dump(page.rows)
        print_json({"data": rows, "next_cursor": page.next_cursor} | reached)
        return
    if page.looked_back_to is not None:
        note(f"Looked back to {iso(page.looked_back_to)} so far; go on with --cursor {page.next_cursor}")
    elif not page.rows:
        _note_none(filtered=bool(choice or cursor or inside))
    has_repeats = any(row.repeats for row in page.rows)
    rows = [
        (row.id, row.received_at, row.source, row.type, row.status, row.body_bytes, *((row.repeats,) * has_repeats))
        for row in page.rows
    ]
    columns = ("event", "received", "source", "type", "status", "bytes", *(("came again",) * has_repeats))
    print_table(columns, rows, now=now)
    if page.looked_back_to is None:
        note_more(page.next_cursor)


@events.command()
@click.argument("event_id", metavar="ID")
@click.option("--body", "only_body", is_flag=True, help="The bytes that came, alone.")
@click.option("--curl", is_flag=True, help="Commands of curl that repeat its deliveries, without anything secret.")
@with_invocation
def show(invocation: Invocation, event_id: str, only_body: bool, curl: bool) -> None:
    """Show an event, by its id or its vendor's: what came, and its deliveries with what was sent and answered."""
    with invocation.reading() as acting:
        event = show_in_journal(acting, event_id)
        requests = repeatable(acting, event) if curl else ()
    if only_body:
        print_raw(event.body)
        return
    if curl:
        _print_curl(invocation, event, requests)
        return
    if invocation.as_json:
        print_json(_schema.JournalDetailSchema().dump(event))
        return
    print_fields(
        [
            ("Event", event.id),
            ("Type", event.type),
            ("Source", event.source),
            ("Provider", event.provider),
            ("Status", event.status),
            ("Received", event.received_at),
            ("Dedupe key", event.dedupe_key),
            ("Request", f"{event.method} {event.url}" if event.url else None),
            ("Request id", event.request_id),
            ("Content type", event.content_type),
            ("Came again", came_again(event)),
        ],
        now=invocation.now(),
    )
    if event.repeats:
        note(f"Repeats deliver nothing unless their source says so; this does: gateway events replay {event.id} --all")
    _print_deliveries(event.deliveries)
    print_contents(event.headers, event.body)


@events.command()
@source_option
@type_option
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Stop after N events.")
@with_invocation
def tail(invocation: Invocation, source: str | None, type_: str | None, limit: int | None) -> None:
    """Follow events as they come, until Ctrl-C. With --json one object a line."""
    follower = Follower(invocation.installation.clock)
    wanted = EventFilter(source=source, type=type_)
    with invocation.reading() as acting:
        require_filterable(acting, source, type_)
    note("Waiting for events; Ctrl-C ends it.")
    left = limit
    try:
        while left is None or left > 0:
            with invocation.reading() as acting:
                found = follower.next_rows(partial(events_after, acting.session, wanted))
            for event in found[:left]:
                _print_followed(invocation, event)
            left = None if left is None else left - len(found[:left])
            if not found:
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        note("")


events.add_command(replay)
events.add_command(forget)
events.add_command(fixture)


def came_again(event: JournalDetail) -> str | None:
    """How often the vendor sent it again, and when last; None where it did not. Pure."""
    if not event.repeats or event.last_repeat_at is None:
        return None
    times = "once" if event.repeats == 1 else f"{event.repeats} times"
    request = f", request {event.last_repeat_request_id}" if event.last_repeat_request_id else ""
    return f"{times}, last {iso(event.last_repeat_at)}{request}: told as a duplicate"


def _note_none(*, filtered: bool) -> None:
    note(
        "No event matches."
        if filtered
        else "No events yet. Send a sample: gateway send github; see what was refused: gateway rejections list"
    )


def _print_followed(invocation: Invocation, event: EventSummary) -> None:
    if invocation.as_json:
        print_json_line(_event_schema.EventSchema().dump(event))
    else:
        click.echo("\t".join((iso(event.received_at), event.id, shown(event.source), shown(event.type))))


def _print_deliveries(deliveries: Sequence[DeliveryDetail]) -> None:
    if not deliveries:
        click.echo("\nNo deliveries: no route led anywhere when it came.")
        return
    click.echo("\nDeliveries")
    for delivery in deliveries:
        reason = f" ({delivery.reason})" if delivery.reason else ""
        click.echo(f"  {delivery.id}  {delivery.state}{reason}  to {shown(delivery.destination)}")
        print_attempts(delivery.attempts, indent="    ")
        if delivery.payload is not None:
            click.echo("    Sent, as its route's transform made it:")
            for line in pretty(delivery.payload.encode()).splitlines():
                click.echo(f"      {line}")


def print_attempts(attempts: Sequence[AttemptSummary], *, indent: str) -> None:
    """One line per attempt, and below it the beginning of what the receiver answered."""
    for attempt, line in zip(attempts, attempt_lines(attempts), strict=True):
        click.echo(f"{indent}{line}")
        for answered in printable_lines(attempt.response_excerpt or "").splitlines():
            click.echo(f"{indent}  | {printable(answered)}")


def _print_curl(invocation: Invocation, event: JournalDetail, requests: Sequence[Repeatable]) -> None:
    if invocation.as_json:
        commands = [
            {"delivery_id": one.delivery_id, "command": None if one.url is None else curl_command(one)}
            for one in requests
        ]
        print_json({"data": commands})
        return
    if not requests:
        note(f"No deliveries. Its body: gateway events show {event.id} --body")
    for one in requests:
        if one.url is None:
            note(f"{one.delivery_id} to {one.destination}: no URL, so there is nothing to call")
            continue
        note(
            f"{one.delivery_id} to {one.destination}; left out: the gateway's signature"
            + (", parts of the URL" if one.is_cut else "")
        )
        click.echo(curl_command(one))


def attempt_lines(attempts: Sequence[AttemptSummary]) -> list[str]:
    """One line per attempt. Pure."""
    return [
        f"attempt {one.number}  {iso(one.started_at)}  {one.outcome}"
        + (f" {one.status}" if one.status is not None else "")
        + f"  {one.duration_ms} ms"
        + (f"  {shown(one.error)}" if one.error else "")
        for one in attempts
    ]
