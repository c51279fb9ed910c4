"""`gateway app-credentials list` and `show`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.out_of_order import note_out_of_order, reason
from gateway.cli.terminal.output import Cell, note, print_fields, print_json, print_table, printable
from gateway.db.paging import every
from gateway.deferred import deferred
from gateway.oauth.app_credentials.search import find_apps, show_app
from gateway.oauth.app_credentials.summary import AppSummary

_connecting = deferred("gateway.providers.prose.connecting")
_schema = deferred("gateway.oauth.app_credentials.schema")

EXAMPLE = "gateway app-credentials add github --provider github --client-id ID --client-secret-env VAR"


@click.command("list")
@with_invocation
def list_(invocation: Invocation) -> None:
    """List app credentials."""
    with invocation.reading() as acting:
        found = list(every(lambda page: find_apps(acting, page)))
    if invocation.as_json:
        print_json({"data": _schema.AppSchema(many=True).dump(found)})
        return
    if not found:
        note(f"No app credentials yet. Add some: {EXAMPLE}")
    rows = [(app.name, app.provider, app.state, app.connections.total, app.client_id) for app in found]
    print_table(("app credentials", "provider", "state", "connections", "client id"), rows, now=invocation.now())
    note_out_of_order((app.name, app.out_of_order) for app in found)


@click.command()
@click.argument("name")
@with_invocation
def show(invocation: Invocation, name: str) -> None:
    """Show app credentials, and what to enter at the provider."""
    with invocation.reading() as acting:
        app = show_app(acting, name)
    if invocation.as_json:
        print_json(_schema.AppSchema().dump(app))
        return
    print_fields(_fields(invocation, app), now=invocation.now())
    provider = invocation.installation.provider(app.provider)
    if provider is not None and provider.oauth is not None:
        for step in _connecting.setup_lines(provider, provider.oauth, redirect_uri=app.redirect_uri or ""):
            click.echo(f"  - {printable(step)}")


def _fields(invocation: Invocation, app: AppSummary) -> list[tuple[str, Cell]]:
    return [
        ("App credentials", app.name),
        ("Provider", app.provider),
        ("State", app.state),
        ("Out of order", reason(app.out_of_order)),
        ("Redirect URI", app.redirect_uri),
        ("Client id", app.client_id or None),
        ("Secrets", [one.replace("_", " ") for one in app.secrets]),
        *((f"Parameter {name}", value) for name, value in app.parameters.items()),
        ("Scopes", _scopes(invocation, app)),
        ("Connections", list(_connections(app)) or ["none"]),
        ("Disabled", app.disabled_at),
        ("Created", app.created_at),
        ("Changed", app.updated_at),
        ("Id", app.id),
    ]


def _scopes(invocation: Invocation, app: AppSummary) -> list[str]:
    """What is asked for unless somebody says otherwise."""
    if app.scopes is not None:
        return list(app.scopes) or ["none"]
    provider = invocation.installation.provider(app.provider)
    authorize = provider.oauth.authorize if provider is not None and provider.oauth is not None else None
    scopes = ", ".join(authorize.scopes) if authorize is not None else ""
    return [f"{scopes or 'none'}, by default"]


def _connections(app: AppSummary) -> Iterator[str]:
    counts = app.connections
    for count, state in (
        (counts.connected, "connected"),
        (counts.degraded, "degraded"),
        (counts.refresh_uncertain, "refresh uncertain"),
        (counts.needs_reauth, "to be connected again"),
    ):
        if count:
            yield f"{count} {state}"
