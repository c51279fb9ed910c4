"""`gateway entities list`, `show` and `history`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import Pair
from gateway.cli.terminal.output import Cell, note, print_fields, print_json, print_table
from gateway.cli.terminal.paging import note_more, page_options
from gateway.db.paging import PageRequest
from gateway.deferred import deferred
from gateway.entities.history import HistorySummary, find_history
from gateway.entities.search.finding import EntityKey, EntitySearch, find_entities, require_entity, show_entity
from gateway.entities.search.summary import EntitySummary, UnsentSummary
from gateway.integrations.instances import INSTANCES

Command = TypeVar("Command", bound=Callable[..., Any])

_schema = deferred("gateway.entities.search.schema")
_history_schema = deferred("gateway.entities.history")


def key_options(command: Command) -> Command:
    """KEY, and what tells apart those that share one."""
    key = click.argument("key", metavar="KEY")
    integration = click.option("--integration", metavar="NAME", help="Of this integration, where several have the key.")
    kind = click.option("--kind", metavar="KIND", help="Of this kind, where several have the key.")
    return key(integration(kind(command)))


@click.command("list")
@click.option("--integration", metavar="NAME", help="Those of this integration.")
@click.option("--kind", metavar="KIND", help="Those of this kind: contact, light.")
@click.option("--name", metavar="TEXT", help="Those with this in their name.")
@click.option("--state", metavar="TEXT", help="Those in this state: on.")
@click.option(
    "--attribute", "attributes", multiple=True, type=Pair("="), metavar="F=V", help="Those with this attribute."
)
@click.option("--deleted", is_flag=True, help="Tombstones, instead of what is there.")
@click.option("--unsent", is_flag=True, help="Those with edits that their system does not have.")
@page_options
@with_invocation
def list_(
    invocation: Invocation,
    integration: str | None,
    kind: str | None,
    name: str | None,
    state: str | None,
    attributes: Sequence[tuple[str, str]],
    deleted: bool,
    unsent: bool,
    limit: int,
    cursor: str | None,
) -> None:
    """List entities, in the order in which they came."""
    search = EntitySearch(
        integration=integration,
        kind=kind,
        name=name,
        attributes=dict(attributes),
        state=state,
        is_deleted=deleted,
        is_unsent=unsent,
    )
    with invocation.reading() as acting:
        page = find_entities(acting, INSTANCES, PageRequest(limit, cursor), search)
    if invocation.as_json:
        print_json({"data": _schema.EntitySchema(many=True).dump(page.rows), "next_cursor": page.next_cursor})
        return
    if not page.rows:
        is_filtered = any((integration, kind, name, state, attributes, deleted, unsent, cursor))
        empty = "No entities yet. They come with a sync: gateway integrations sync NAME"
        note("No entity matches." if is_filtered else empty)
    rows = [
        (row.key or row.id, row.kind, row.name, row.state, row.integration, row.updated_at, _standing(row))
        for row in page.rows
    ]
    columns = ("key", "kind", "name", "state", "integration", "updated", "standing")
    print_table(columns, rows, now=invocation.now())
    note_more(page.next_cursor)


@click.command()
@key_options
@with_invocation
def show(invocation: Invocation, key: str, integration: str | None, kind: str | None) -> None:
    """Show an entity: what it is, what is attached to it, and what of it its system does not have yet."""
    with invocation.reading() as acting:
        row = show_entity(acting, INSTANCES, EntityKey(key, integration, kind))
    print_entity(invocation, row)


@click.command()
@key_options
@page_options
@with_invocation
def history(
    invocation: Invocation, key: str, integration: str | None, kind: str | None, limit: int, cursor: str | None
) -> None:
    """Say who changed what of an entity, from where, newest first."""
    with invocation.reading() as acting:
        row = require_entity(acting, INSTANCES, EntityKey(key, integration, kind))
        page = find_history(acting, row.id, PageRequest(limit, cursor))
    if invocation.as_json:
        shown = _history_schema.HistorySchema(many=True).dump(page.rows)
        print_json({"data": shown, "next_cursor": page.next_cursor})
        return
    if not page.rows:
        note("Nothing happened to it since it came.")
    rows = [(one.at, one.action, one.origin, one.actor_name, told(one)) for one in page.rows]
    print_table(("at", "action", "from", "by", "changes"), rows, now=invocation.now())
    note_more(page.next_cursor)


def told(one: HistorySummary) -> str:
    """What changed, in a line."""
    return ", ".join(
        f"{name}: {_short(pair[0])} → {_short(pair[1])}" if isinstance(pair, list) and len(pair) == 2 else name
        for name, pair in one.changes.items()
    )


def print_entity(invocation: Invocation, row: EntitySummary) -> None:
    """An entity, for people or as JSON."""
    if invocation.as_json:
        print_json(_schema.EntitySchema().dump(row))
        return
    print_fields(_fields(row), now=invocation.now())
    if row.conflict is not None:
        note(f"A person has to decide: gateway conflicts show {row.conflict}")


def _fields(row: EntitySummary) -> list[tuple[str, Cell]]:
    return [
        ("Entity", row.id),
        ("Key", row.key),
        ("Integration", row.integration),
        ("Kind", row.kind),
        ("Name", row.name),
        ("State", row.state),
        ("Since", row.state_at),
        ("Area", row.area),
        ("Parent", row.parent),
        ("Attributes", _pairs(row.attributes)),
        ("User data", _pairs(row.user_data or {})),
        ("Changed by", row.changed_by),
        ("Not sent", [_waiting(one) for one in row.unsent]),
        ("Conflict", row.conflict),
        ("Deleted", row.deleted_at),
        ("Deleted by", row.deleted_by),
        ("Part of", row.merged_into),
        ("Its version", row.external_version),
        ("Changed there", row.external_updated_at),
        ("Created", row.created_at),
        ("Updated", row.updated_at),
    ]


def _waiting(one: UnsentSummary) -> str:
    about = ", ".join(one.fields) or one.operation
    return ": ".join(filter(None, (f"{about} ({one.state} by {one.actor_name})", one.detail or one.reason)))


def _standing(row: EntitySummary) -> str:
    if row.deleted_at is not None:
        return "deleted"
    if row.conflict is not None:
        return "conflict"
    return f"{len(row.unsent)} not sent" if row.unsent else ""


def _pairs(values: Mapping[str, object]) -> list[str]:
    return [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"
