"""`gateway connections list`, `show` and `explain`."""

from __future__ import annotations

from dataclasses import asdict

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.hints import words
from gateway.cli.terminal.output import Cell, note, print_fields, print_json, print_table
from gateway.db.paging import every
from gateway.deferred import deferred
from gateway.oauth.connections.explanation import Explanation, explain_connection
from gateway.oauth.connections.search import ConnectionSearch, find_connections, show_connection
from gateway.oauth.connections.summary import ConnectionSummary
from gateway.oauth.states import ConnectionState

_schema = deferred("gateway.oauth.connections.schema")


@click.command("list")
@click.option("--state", type=click.Choice([str(state) for state in ConnectionState]), help="Those in this state.")
@click.option("--provider", metavar="ID", help="Those at this provider.")
@click.option("--reference", metavar="TEXT", help="Those of this customer of the application.")
@click.option("--app-credentials", metavar="NAME", help="Those by these app credentials.")
@with_invocation
def list_(
    invocation: Invocation, state: str | None, provider: str | None, reference: str | None, app_credentials: str | None
) -> None:
    """List connections, the newest first."""
    search = ConnectionSearch(
        state=None if state is None else ConnectionState(state),
        provider=provider,
        reference=reference,
        app_credentials=app_credentials,
    )
    with invocation.reading() as acting:
        found = list(every(lambda page: find_connections(acting, page, search)))
    if invocation.as_json:
        print_json({"data": _schema.ConnectionSchema(many=True).dump(found)})
        return
    if not found and search == ConnectionSearch():
        note("No connections yet. Send a customer a link: gateway connect APP_CREDENTIALS")
    rows = [
        (row.id, row.provider, row.state, row.account.label or row.account.id, row.reference, row.app_credentials)
        for row in found
    ]
    print_table(("id", "provider", "state", "account", "reference", "app credentials"), rows, now=invocation.now())


@click.command()
@click.argument("connection")
@with_invocation
def show(invocation: Invocation, connection: str) -> None:
    """Show a connection: its account, scopes and ends. Its secrets are shown nowhere."""
    with invocation.reading() as acting:
        row = show_connection(acting, connection)
    if invocation.as_json:
        print_json(_schema.ConnectionSchema().dump(row))
        return
    print_fields(_fields(row), now=invocation.now())


@click.command()
@click.argument("connection")
@with_invocation
def explain(invocation: Invocation, connection: str) -> None:
    """Say how a connection is, why, what happened last, when it ends, and what helps."""
    with invocation.reading() as acting:
        found = explain_connection(acting, connection)
    if invocation.as_json:
        shown = _schema.ConnectionSchema().dump(found.connection)
        print_json({**asdict(found), "connection": shown, "next_steps": [words(one) for one in found.next_steps]})
        return
    row = found.connection
    click.echo(f"{row.provider}, {row.name}: {row.state}. {found.meaning[0].upper()}{found.meaning[1:]}.")
    print_fields(_facts(found), now=invocation.now())
    for step in found.next_steps:
        note(f"What helps: {words(step)}")


def _facts(found: Explanation) -> list[tuple[str, Cell]]:
    row, flow = found.connection, found.last_flow
    refreshed = row.refreshed_at if row.refreshed_at is not None or found.failures else None
    return [
        ("Why", found.why),
        ("Connected", row.connected_at),
        ("Last flow", None if flow is None else flow.at),
        ("Its outcome", None if flow is None else ": ".join(filter(None, (flow.outcome or "open", flow.detail)))),
        ("Last refresh", refreshed),
        ("Failed tries", found.failures or None),
        ("Being refreshed", "now" if found.is_refreshing else None),
        ("Next refresh", row.refresh_at),
        ("Token ends", row.access_expires_at),
        ("Grant ends", row.refresh_expires_at),
        ("Revoked", row.revoked_at),
    ]


def _fields(row: ConnectionSummary) -> list[tuple[str, Cell]]:
    return [
        ("Connection", row.id),
        ("Provider", row.provider),
        ("App credentials", row.app_credentials),
        ("Way", row.way),
        ("State", row.state),
        ("Reason", row.reason),
        ("Detail", row.detail),
        ("Account", row.account.label),
        ("Account id", row.account.id),
        ("Reference", row.reference),
        ("Scopes", list(row.scopes_asked if row.scopes_granted is None else row.scopes_granted)),
        ("Missing scopes", list(row.scopes_missing)),
        ("Parameters", [f"{name}={value}" for name, value in row.parameters.items()]),
        ("Kept", [f"{name}={value}" for name, value in row.kept.items()]),
        ("Token ends", row.access_expires_at),
        ("Grant ends", row.refresh_expires_at),
        ("Next refresh", row.refresh_at),
        ("Last refresh", row.refreshed_at),
        ("Connected", row.connected_at),
        ("Created", row.created_at),
        ("Revoked", row.revoked_at),
    ]
