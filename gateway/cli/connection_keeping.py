"""`gateway connections refresh` and `revoke`."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.output import print_json, show
from gateway.deferred import deferred
from gateway.oauth.connections.summary import ConnectionSummary

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
@with_invocation
def revoke(invocation: Invocation, connection: str, local: bool) -> None:
    """End CONNECTION. Its secrets are gone at once.

    The provider is told by a worker, for up to a week where it does not answer. To connect the account again makes
    another connection.
    """
    with invocation.changing() as acting:
        row: ConnectionSummary = _revoking.revoke(acting, connection, local=local)
    _say(invocation, row, f"{row.id} is revoked.")


def _say(invocation: Invocation, row: ConnectionSummary, words: str) -> None:
    if invocation.as_json:
        print_json(_schema.ConnectionSchema().dump(row))
    else:
        click.echo(words)
