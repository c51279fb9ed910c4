"""`gateway destinations test`: one signed request, and what the receiver says to it."""

from __future__ import annotations

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.failures import FAILED
from gateway.cli.terminal.output import note, print_json, printable_lines
from gateway.deferred import deferred
from gateway.delivery.sending.trial_request import send_trial

_schema = deferred("gateway.delivery.sending.schema")


@click.command()
@click.argument("name")
@with_invocation
def test(invocation: Invocation, name: str) -> None:
    """Send one signed test request to NAME, and say what it answered. No delivery is made of it.

    Exits with 1 when it is not taken.
    """
    sent = send_trial(invocation.transaction, name)
    result = sent.result
    if invocation.as_json:
        print_json(_schema.SentTrialSchema().dump(sent))
    else:
        answer = f" {result.status}" if result.status is not None else ""
        click.echo(f"{result.outcome}{answer} after {result.duration_ms} ms, webhook-id {sent.webhook_id}")
        if result.error:
            click.echo(printable_lines(result.error))
        if result.excerpt:
            click.echo(printable_lines(result.excerpt))
    if not sent.is_delivered:
        note("Not taken. Its settings: gateway destinations show " + sent.destination)
        raise click.exceptions.Exit(FAILED)
