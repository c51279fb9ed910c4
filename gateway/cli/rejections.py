"""`gateway rejections`: requests that were refused, and why."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.rejection_acceptance import accept
from gateway.cli.terminal.bodies import print_contents, print_raw
from gateway.cli.terminal.options import common_options
from gateway.cli.terminal.output import note, print_fields, print_json, print_table
from gateway.cli.terminal.paging import note_more, page_options
from gateway.db.paging import PageRequest
from gateway.deferred import deferred
from gateway.webhooks.known_names import require_filterable
from gateway.webhooks.rejections.search import (
    SHOWN_BODY_BYTES,
    RejectionDetail,
    RejectionSummary,
    find_rejections,
    show_rejection,
)

_schema = deferred("gateway.webhooks.rejections.schema")


@click.group()
@common_options
def rejections() -> None:
    """Requests that were refused: kept for 7 days, at most 1000 per source."""


@rejections.command("list")
@click.option("--source", help="Only those that called this slug.")
@click.option("--reason", help="Only for this reason, such as signature_mismatch.")
@page_options
@with_invocation
def list_(invocation: Invocation, source: str | None, reason: str | None, limit: int, cursor: str | None) -> None:
    """List rejections, newest first."""
    with invocation.reading() as acting:
        page = find_rejections(acting, PageRequest(limit, cursor), source=source, reason=reason)
        if not page.rows and cursor is None:
            require_filterable(acting, source)
    if invocation.as_json:
        print_json({"data": _schema.RejectionSchema(many=True).dump(page.rows), "next_cursor": page.next_cursor})
        return
    if not page.rows:
        note("No rejection matches." if source or reason else "No rejections: nothing was refused in the last 7 days.")
    rows = [
        (row.id, row.received_at, row.source, row.reason, row.client_address, row.body_bytes, _detail(row))
        for row in page.rows
    ]
    columns = ("rejection", "received", "source", "reason", "client", "bytes", "detail")
    print_table(columns, rows, now=invocation.now())
    note_more(page.next_cursor)
    if page.rows:
        note(f"Why one was refused: gateway explain {page.rows[0].id}")


@rejections.command()
@click.argument("rejection_id", metavar="ID")
@click.option("--body", "only_body", is_flag=True, help="Its body alone, all that is kept of it.")
@with_invocation
def show(invocation: Invocation, rejection_id: str, only_body: bool) -> None:
    """Show a refused request: the reason, its headers, and the first 64 KB of its body."""
    with invocation.reading() as acting:
        rejection = show_rejection(acting, rejection_id, shown_bytes=None if only_body else SHOWN_BODY_BYTES)
    if only_body:
        print_raw(rejection.body)
        return
    if invocation.as_json:
        print_json(_schema.RejectionDetailSchema().dump(rejection))
        return
    print_fields(
        [
            ("Rejection", rejection.id),
            ("Reason", rejection.reason),
            ("Detail", rejection.detail),
            ("Source", rejection.source),
            ("Received", rejection.received_at),
            ("Client", rejection.client_address),
            ("Request", f"{rejection.method} {rejection.url}"),
            ("Request id", rejection.request_id),
            ("Body", _body(rejection)),
            ("Taken in as", rejection.accepted_as),
        ],
        now=invocation.now(),
    )
    print_contents(rejection.headers, rejection.body)
    if rejection.accepted_as is None:
        note(
            f"Why: gateway explain {rejection.id}\n"
            f"Take it in when that is mended: gateway rejections accept {rejection.id}"
        )


rejections.add_command(accept)


def _body(rejection: RejectionDetail) -> str:
    kept = "" if rejection.kept_body_bytes >= rejection.body_bytes else f", {rejection.kept_body_bytes} of them kept"
    return f"{rejection.body_bytes} bytes{kept}"


def _detail(row: RejectionSummary) -> str | None:
    return row.detail if row.accepted_as is None else f"taken in as {row.accepted_as}"
