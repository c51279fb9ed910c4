"""`gateway audit`: who changed what, when, and from where."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import common_options, to_time
from gateway.cli.terminal.output import note, print_fields, print_json, print_table, printable
from gateway.cli.terminal.paging import note_more, page_options, time_options
from gateway.db.paging import PageRequest
from gateway.deferred import deferred
from gateway.tenants.acting import Acting, SystemActing
from gateway.tenants.audit import ActorKind
from gateway.tenants.audit_trail.search import AuditSearch, AuditSummary, find_audit, show_audit

_schema = deferred("gateway.tenants.audit_trail.schema")

COLUMNS = ("entry", "at", "actor", "from", "action", "object", "tenant", "what")


@click.group()
@common_options
def audit() -> None:
    """Who changed what: every change, by whichever way it was made. Kept until its tenant is erased."""


@audit.command("list")
@click.option("--actor", metavar="NAME", help="Only of this user or key; a key also by its id.")
@click.option("--action", metavar="ACTION", help="Only this action; source.* stands for all of sources.")
@click.option("--object", "object_", metavar="ID|NAME", help="Only what was done to this.")
@time_options
@page_options
@with_invocation
def list_(
    invocation: Invocation,
    actor: str | None,
    action: str | None,
    object_: str | None,
    since: datetime | timedelta | None,
    until: datetime | timedelta | None,
    limit: int,
    cursor: str | None,
) -> None:
    """List changes, newest first: of every tenant and of none, or of the one that --tenant names."""
    now = invocation.now()
    wanted = AuditSearch(actor, action, object_, to_time(since, now), to_time(until, now))
    with _reading(invocation) as acting:
        page = find_audit(acting, wanted, PageRequest(limit, cursor))
    if invocation.as_json:
        print_json({"data": _schema.AuditSchema(many=True).dump(page.rows), "next_cursor": page.next_cursor})
        return
    if not page.rows:
        note("Nothing was changed." if wanted == AuditSearch() else "No entry matches.")
    rows = [
        (
            row.id,
            row.at,
            _actor(row),
            row.address,
            row.action,
            row.object_name or row.object_id,
            row.tenant,
            ", ".join(dict.fromkeys([*row.before, *row.after])),
        )
        for row in page.rows
    ]
    print_table(COLUMNS, rows, now=now)
    note_more(page.next_cursor)


@audit.command()
@click.argument("entry_id", metavar="ID")
@with_invocation
def show(invocation: Invocation, entry_id: str) -> None:
    """Show one change: what was before, and what after."""
    with _reading(invocation) as acting:
        entry = show_audit(acting, entry_id)
    if invocation.as_json:
        print_json(_schema.AuditSchema().dump(entry))
        return
    print_fields(
        [
            ("Entry", entry.id),
            ("At", entry.at),
            ("Actor", _actor(entry)),
            ("From", entry.address),
            ("Request id", entry.request_id),
            ("Action", entry.action),
            ("Object", " ".join(filter(None, (entry.object_name, entry.object_id)))),
            ("Tenant", entry.tenant),
            ("Number", entry.number),
            ("Hash", entry.hash),
        ],
        now=invocation.now(),
    )
    _print_values("Before", entry.before)
    _print_values("After", entry.after)


@contextmanager
def _reading(invocation: Invocation) -> Iterator[Acting | SystemActing]:
    """For the tenant that was named, else for all."""
    if invocation.given_tenant is not None:
        with invocation.reading() as acting:
            yield acting
    else:
        with invocation.for_system() as acting:
            yield acting


def _actor(entry: AuditSummary) -> str:
    if entry.actor_kind is ActorKind.COMMAND_LINE:
        return entry.actor_name
    return " ".join(filter(None, (entry.actor_kind.value, entry.actor_name, entry.actor_id)))


def _print_values(title: str, values: Mapping[str, object]) -> None:
    if values:
        click.echo(f"\n{title}")
    for name, value in values.items():
        click.echo(f"  {printable(name)}: {printable(json.dumps(value, ensure_ascii=False))}")
