"""`gateway integrations types`, `list`, `show` and `history`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
import orjson

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.output import Cell, note, print_fields, print_json, print_table, printable_lines
from gateway.db.paging import every
from gateway.deferred import deferred
from gateway.integrations.management.revisions import find_revisions
from gateway.integrations.search import TypeSummary, all_types, find_integrations, show_integration, show_type
from gateway.integrations.summary import IntegrationSummary

_schema = deferred("gateway.integrations.schema")

EXAMPLE = "gateway integrations add home --type home_assistant --set url=http://127.0.0.1:8123 --secret-env token=VAR"


@click.command()
@click.argument("type_id", metavar="[TYPE]", required=False)
@with_invocation
def types(invocation: Invocation, type_id: str | None) -> None:
    """List integration types; with a TYPE, what it asks for."""
    installation = invocation.installation
    if type_id is not None:
        _show_type(invocation, show_type(installation, type_id))
        return
    found = all_types(installation)
    if invocation.as_json:
        print_json({"data": _schema.TypeSchema(many=True).dump(found)})
        return
    rows = [(one.id, one.label, one.broken or one.description) for one in found]
    print_table(("type", "label", "what it is"), rows, now=invocation.now())


@click.command("list")
@with_invocation
def list_(invocation: Invocation) -> None:
    """List integrations."""
    with invocation.reading() as acting:
        found = list(every(lambda page: find_integrations(acting, page)))
    if invocation.as_json:
        print_json({"data": _schema.IntegrationSchema(many=True).dump(found)})
        return
    if not found:
        note(f"No integrations yet. Add one: {EXAMPLE}")
    rows = [(one.name, one.type, one.state, one.health, one.schedule, one.data_at) for one in found]
    print_table(("integration", "type", "state", "health", "schedule", "last data"), rows, now=invocation.now())


@click.command()
@click.argument("name")
@with_invocation
def show(invocation: Invocation, name: str) -> None:
    """Show an integration."""
    with invocation.reading() as acting:
        found = show_integration(acting, name)
    if invocation.as_json:
        print_json(_schema.IntegrationSchema().dump(found))
        return
    print_fields(_fields(found), now=invocation.now())
    if found.detail is not None:
        note(printable_lines(found.detail))


@click.command()
@click.argument("name")
@with_invocation
def history(invocation: Invocation, name: str) -> None:
    """The configurations that an integration had before the one it has, the newest first."""
    with invocation.reading() as acting:
        found = find_revisions(acting, name)
    if invocation.as_json:
        print_json({"data": _schema.RevisionSchema(many=True).dump(found), "next_cursor": None})
        return
    if not found:
        note("It was not changed yet.")
    rows = [(one.revision, one.created_at, one.actor_name, _text(one.configuration)) for one in found]
    print_table(("revision", "until", "changed by", "configuration"), rows, now=invocation.now())


def _show_type(invocation: Invocation, found: TypeSummary) -> None:
    if invocation.as_json:
        print_json(_schema.TypeSchema().dump(found))
        return
    connections = ", ".join(found.providers) or "none"
    fields: list[tuple[str, Cell]] = [
        ("Type", found.id),
        ("Label", found.label),
        ("What it is", found.description),
        ("Connections", f"{connections}{', needed' if found.needs_connection else ''}"),
        ("Synced", found.schedule or "when asked to"),
        ("Live changes", "yes" if found.is_live else "no"),
    ]
    print_fields(fields, now=invocation.now())
    rows = [
        (one["key"], one["kind"], "required" if one["required"] else _default(one["default"]), one["help"])
        for one in found.attributes
    ]
    print_table(("setting", "kind", "default", "what it is"), rows, now=invocation.now())


def _fields(found: IntegrationSummary) -> list[tuple[str, Cell]]:
    return [
        ("Integration", found.name),
        ("Type", found.type if found.label is None else f"{found.label} ({found.type})"),
        ("Out of order", found.broken),
        ("State", found.state),
        ("Reason", found.reason),
        ("Health", found.health),
        ("Since", found.health_since),
        ("Last data", found.data_at),
        ("Schedule", found.schedule),
        ("Connection", found.connection),
        ("Source", found.source),
        *_webhooks(found),
        *((f"Setting {name}", _text(value)) for name, value in found.configuration.items()),
        ("Secrets", list(found.secrets)),
        *((f"Sync {name}", _text(value)) for name, value in found.sync.items()),
        ("Revision", found.revision),
        ("Active since", found.activated_at),
        ("Created", found.created_at),
        ("Changed", found.updated_at),
        ("Id", found.id),
    ]


def _webhooks(found: IntegrationSummary) -> list[tuple[str, Cell]]:
    if found.webhooks is None:
        return []
    return [
        ("Webhooks of", list(found.webhooks["registered"])),
        ("Renewed before", found.webhooks["ends_at"]),
        ("Webhooks failed", found.webhooks["error"]),
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(_plain(value)).decode()


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _default(value: Any) -> str | None:
    return None if value is None else _text(value)
