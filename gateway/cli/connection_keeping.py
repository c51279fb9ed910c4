"""`gateway connections refresh` and `revoke`."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.output import print_json, show
from gateway.cli.terminal.questions import require_yes
from gateway.deferred import deferred
from gateway.oauth.connections.search import show_connection
from gateway.oauth.connections.summary import ConnectionSummary
from gateway.oauth.states import ConnectionState

_by_hand = deferred("gateway.oauth.refreshing.by_hand")
_revoking = deferred("gateway.oauth.ending.revoking")
_schema = deferred("gateway.oauth.connections.schema")


@click.command()
@click.argument("connection")
@with_invocation
def refresh(invocation: Invocation, connection: str) -> None:
    """Renew the token of CONNECTION now, whether or not it is due, and also where the provider refused that before."""
    row: ConnectionSummary = _by_hand.refresh_by_hand(invocation.transaction, connection)
    end = "has no end that is known" if row.access_expires_at is None else f"ends at {show(row.access_expires_at)}"
    _say(invocation, row, f"{row.id} has a new token, which {end}.")


@click.command()
@click.argument("connection")
@click.option("--local", is_flag=True, help="Do not tell the provider: the grant lives on there.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked, as in scripts.")
@with_invocation
def revoke(invocation: Invocation, connection: str, local: bool, yes: bool) -> None:
    """End CONNECTION, for good. Its secrets are gone at once. Asks first.

    The provider is told by a worker, for up to a week where it does not answer. To connect the account again makes
    another connection.
    """
    with invocation.reading() as acting:
        found = show_connection(acting, connection)
    if found.state != ConnectionState.REVOKED:
        require_yes(f"End the connection {found.id} ({found.provider}, {found.name}), for good?", yes=yes)
    with invocation.changing() as acting:
        row: ConnectionSummary = _revoking.revoke(acting, found.id, local=local)
    _say(invocation, row, f"{row.id} is revoked.")


def _say(invocation: Invocation, row: ConnectionSummary, words: str) -> None:
    if invocation.as_json:
        print_json(_schema.ConnectionSchema().dump(row))
    else:
        click.echo(words)
