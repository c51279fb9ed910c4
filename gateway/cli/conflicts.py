"""`gateway conflicts`: what both sides changed, and no policy settles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import Pair, common_options
from gateway.cli.terminal.output import note, print_fields, print_json, print_table, printable
from gateway.cli.terminal.paging import note_more, page_options
from gateway.db.paging import PageRequest
from gateway.deferred import deferred
from gateway.entities.conflicts.finding import ConflictSearch, find_conflicts, show_conflict
from gateway.entities.conflicts.summary import ConflictSummary
from gateway.entities.resolving.choices import Resolution
from gateway.entities.resolving.conflicts import resolve_conflict
from gateway.entities.states import ConflictState
from gateway.integrations.instances import INSTANCES

_schema = deferred("gateway.entities.conflicts.schema")

SIDES = ("local", "external")


@click.group()
@common_options
def conflicts() -> None:
    """What both sides changed since they last agreed, and no policy settles: a person decides."""


@conflicts.command("list")
@click.option("--integration", metavar="NAME", help="Those of this integration.")
@click.option("--kind", type=click.Choice(["edit", "delete"]), help="Those of this kind.")
@click.option("--resolved", is_flag=True, help="Those that were decided, instead of those that wait.")
@page_options
@with_invocation
def list_(
    invocation: Invocation,
    integration: str | None,
    kind: str | None,
    resolved: bool,
    limit: int,
    cursor: str | None,
) -> None:
    """List conflicts that wait for a person, newest first."""
    state = ConflictState.RESOLVED if resolved else ConflictState.OPEN
    search = ConflictSearch(state=state, integration=integration, kind=kind)
    with invocation.reading() as acting:
        page = find_conflicts(acting, INSTANCES, PageRequest(limit, cursor), search)
    if invocation.as_json:
        print_json({"data": _schema.ConflictSchema(many=True).dump(page.rows), "next_cursor": page.next_cursor})
        return
    if not page.rows:
        note("No conflict waits for anybody." if search == ConflictSearch() else "No conflict matches.")
    rows = [
        (row.id, row.created_at, row.key or row.entity, row.name, row.kind, ", ".join(row.fields), row.integration)
        for row in page.rows
    ]
    print_table(("conflict", "since", "entity", "name", "kind", "fields", "integration"), rows, now=invocation.now())
    note_more(page.next_cursor)


@conflicts.command()
@click.argument("conflict", metavar="ID")
@with_invocation
def show(invocation: Invocation, conflict: str) -> None:
    """Show a conflict: by field what both sides last agreed on, and what each has now."""
    with invocation.reading() as acting:
        row = show_conflict(acting, INSTANCES, conflict)
    _print(invocation, row)
    if row.state == ConflictState.OPEN and not invocation.as_json:
        note(f"Decide it: gateway conflicts resolve {row.id} --take local|external [--field F=local|external|VALUE]")


@conflicts.command()
@click.argument("conflict", metavar="ID")
@click.option("--take", type=click.Choice(SIDES), help="The side that holds, of all that no --field says more about.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    type=Pair("="),
    metavar="F=local|external|VALUE",
    help="Of one field the side that holds, or another value; in quotes (F='\"local\"') a text that is a side's name.",
)
@with_invocation
def resolve(invocation: Invocation, conflict: str, take: str | None, fields: Sequence[tuple[str, str]]) -> None:
    """Decide a conflict. What its system is to have is sent, based on the newest version.

    \b
    gateway conflicts resolve cfl_… --take external
    gateway conflicts resolve cfl_… --take local --field city=external --field phone=+41441234567
    """
    resolution = Resolution(
        take=take,
        sides={name: value for name, value in fields if value in SIDES},
        typed={name: value for name, value in fields if value not in SIDES},
    )
    with invocation.changing() as acting:
        row = resolve_conflict(acting, INSTANCES, conflict, resolution)
    _print(invocation, row)


def _print(invocation: Invocation, row: ConflictSummary) -> None:
    if invocation.as_json:
        print_json(_schema.ConflictSchema().dump(row))
        return
    print_fields(
        [
            ("Conflict", row.id),
            ("State", row.state),
            ("Kind", row.kind),
            ("Entity", row.key or row.entity),
            ("Name", row.name),
            ("Integration", row.integration),
            ("Deleted by", {"local": "a person here", "external": "its system"}.get(row.deleted_by or "")),
            ("Resolution", _pairs(row.resolution or {})),
            ("Resolved by", row.resolved_by),
            ("Since", row.created_at),
            ("Changed", row.updated_at),
            ("Resolved", row.resolved_at),
        ],
        now=invocation.now(),
    )
    sides = ("base", *SIDES)
    rows = [(name, *(_said(found, side) for side in sides)) for name, found in row.fields.items()]
    print_table(("field", *sides), rows, now=invocation.now())


def _said(sides: Mapping[str, Any], side: str) -> str:
    return printable(json.dumps(sides[side], ensure_ascii=False)) if side in sides else "(absent)"


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
