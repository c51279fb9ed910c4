"""`gateway connections test`: what the provider says to a connection's credentials."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.output import note, print_json, printable_lines
from gateway.deferred import deferred
from gateway.oauth.trying.attempt import Finding, Trial
from gateway.oauth.trying.management import test_connection

_schema = deferred("gateway.oauth.trying.schema")

WORDS = {
    Finding.WORKS: "It works",
    Finding.REFUSED: "The provider does not take it",
    Finding.NOT_ALLOWED: "The provider takes it, and does not let it do what was tried",
    Finding.UNCLEAR: "There was no clear answer",
    Finding.UNTRIED: "It was not tried",
}


@click.command()
@click.argument("connection")
@with_invocation
def test(invocation: Invocation, connection: str) -> None:
    """Ask the provider whether CONNECTION works, by a request that changes nothing.

    What is refused, also after a refresh, needs its customer from then on. Exits with 1 when it does not work.
    """
    tested = test_connection(invocation.transaction, connection)
    if invocation.as_json:
        print_json(_schema.TestedConnectionSchema().dump(tested))
    else:
        click.echo(said(tested.trial))
        note(f"The connection is {tested.connection.state}.")
    if not tested.is_working:
        raise click.exceptions.Exit(FAILED)


def said(trial: Trial) -> str:
    """What a trial saw, on one line."""
    status = f", status {trial.status}" if trial.status is not None else ""
    account = trial.account.label or trial.account.id
    whose = f", account {account}" if account else ""
    detail = f": {trial.detail}" if trial.detail else ""
    return printable_lines(f"{WORDS[trial.finding]}{status}{whose}, after {trial.duration_ms} ms{detail}")
