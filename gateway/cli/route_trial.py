"""`gateway routes test`: what a route, as it is or as it would be, makes of the last events of its source."""

from __future__ import annotations

import json

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.output import note, print_json, print_table
from gateway.deferred import deferred
from gateway.delivery.routes.draft import RouteChange, RouteDraft
from gateway.webhooks.route_previews.preview import (
    DEFAULT_EVENTS,
    MAX_EVENTS,
    Fate,
    PreviewedEvent,
    preview_draft,
    preview_route,
)

_schema = deferred("gateway.webhooks.route_previews.schema")

SHOWN_CHARACTERS = 300
_WORDS = {
    Fate.SENT: "is sent",
    Fate.OTHER_TYPE: "has another type",
    Fate.TURNED_AWAY: "is turned away by the filter",
    Fate.NULL: "is a dead letter",
    Fate.FAILED: "is a dead letter",
}


@click.command()
@click.argument("key", metavar="[NAME]", required=False)
@click.option("--source", help="The events of this source; needed without NAME.")
@click.option("--type", "types", multiple=True, metavar="PATTERN", help="With these types; * for all.")
@click.option("--where", metavar="JMESPATH", help="With this filter; '' for none.")
@click.option("--transform", metavar="JMESPATH", help="With this shape; '' for the raw body.")
@click.option("--allow-null/--no-allow-null", default=None, help="Whether null is sent where the transform gives it.")
@click.option(
    "--last",
    type=click.IntRange(1, MAX_EVENTS),
    default=DEFAULT_EVENTS,
    show_default=True,
    metavar="N",
    help=f"Look at the last N events of the source, at most {MAX_EVENTS}.",
)
@with_invocation
def test(
    invocation: Invocation,
    key: str | None,
    source: str | None,
    types: tuple[str, ...],
    where: str | None,
    transform: str | None,
    allow_null: bool | None,
    last: int,
) -> None:
    """Say of each of the last events whether the route NAME would take it, and what it would send. Changes nothing.

    With options the route as it would be; without NAME one that is not there. Of the last 1000 events of all sources
    those are looked at that have at most 64 KB.
    """
    if key is not None:
        change = RouteChange(
            source=source, event_types=types or None, where=where, transform=transform, allow_null=allow_null
        )
        preview = preview_route(invocation.transaction, key, change, last=last)
    elif source is not None:
        draft = RouteDraft(source, "", types, where or None, transform or None, allow_null=bool(allow_null))
        preview = preview_draft(invocation.transaction, draft, last=last)
    else:
        raise click.UsageError("give the NAME of a route, or --source for one that is not there")
    if invocation.as_json:
        print_json(_schema.PreviewSchema().dump(preview))
        return
    rows = [
        (event.event_id, event.received_at, event.type, _fate(event), _sent(event) if event.is_sent else None)
        for event in preview.events
    ]
    print_table(("event", "received", "type", "it", "what is sent"), rows, now=invocation.now())
    note(f"{preview.sent} of the last {len(rows)} events of {preview.source} would be sent.")


def _fate(event: PreviewedEvent) -> str:
    said = _WORDS[event.fate]
    return said if event.detail is None else f"{said}: {event.detail}"


def _sent(event: PreviewedEvent) -> str:
    if event.payload_bytes is None:
        return "the raw body"
    if event.payload is None and event.payload_bytes > len(b"null"):
        return f"{event.payload_bytes} bytes"
    text = json.dumps(event.payload, ensure_ascii=False)
    more = len(text) - SHOWN_CHARACTERS
    return text if more <= 0 else f"{text[:SHOWN_CHARACTERS]}… ({more} more characters; --json has all)"
