"""`gateway connect-sessions`: the one-time URLs that were made, and how far their customers came."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import common_options
from gateway.cli.terminal.output import Cell, note, print_fields, print_json, print_table
from gateway.db.paging import every
from gateway.deferred import deferred
from gateway.oauth.flows.sessions.search import find_connect_sessions, show_connect_session
from gateway.oauth.flows.sessions.summary import ConnectSessionSummary

_schema = deferred("gateway.oauth.flows.sessions.schema")


@click.group()
@common_options
def connect_sessions() -> None:
    """The one-time URLs that were made for customers, and how far each came. They are forgotten after a week."""


@connect_sessions.command("list")
@click.option("--reference", metavar="TEXT", help="Those of this customer of the application.")
@with_invocation
def list_(invocation: Invocation, reference: str | None) -> None:
    """List connect sessions, the newest first."""
    with invocation.reading() as acting:
        found = list(every(lambda page: find_connect_sessions(acting, page, reference=reference)))
    if invocation.as_json:
        print_json({"data": _schema.ConnectSessionSchema(many=True).dump(found)})
        return
    if not found and reference is None:
        note("No connect sessions. Make a URL for a customer: gateway connect APP_CREDENTIALS")
    rows = [
        (row.id, row.app_credentials, row.state, _why(row), row.connection, row.reference, row.created_at)
        for row in found
    ]
    columns = ("id", "app credentials", "state", "why", "connection", "reference", "made")
    print_table(columns, rows, now=invocation.now())


@connect_sessions.command()
@click.argument("session")
@with_invocation
def show(invocation: Invocation, session: str) -> None:
    """Show how far the customer of a connect session has come."""
    with invocation.reading() as acting:
        row = show_connect_session(acting, session)
    if invocation.as_json:
        print_json(_schema.ConnectSessionSchema().dump(row))
        return
    print_fields(_fields(row), now=invocation.now())


def _why(row: ConnectSessionSummary) -> str | None:
    """The code of what went wrong; what went well says so by its state."""
    return None if row.outcome == row.state else row.outcome


def _fields(row: ConnectSessionSummary) -> list[tuple[str, Cell]]:
    return [
        ("Connect session", row.id),
        ("State", row.state),
        ("Why", _why(row)),
        ("Detail", row.detail),
        ("Connection", row.connection),
        ("App credentials", row.app_credentials),
        ("Provider", row.provider),
        ("Scopes", None if row.scopes is None else list(row.scopes)),
        ("Parameters", [f"{name}={value}" for name, value in row.parameters.items()]),
        ("Reference", row.reference),
        ("Connects anew", row.reconnect),
        ("Returns to", row.return_to),
        ("Made by", row.asker_name),
        ("Made", row.created_at),
        ("Opened", row.opened_at),
        ("Ends", row.expires_at),
    ]
