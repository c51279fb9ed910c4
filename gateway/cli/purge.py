"""`gateway purge`: forget what is older than the retention."""

from __future__ import annotations

import sys
from datetime import timedelta

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import Duration
from gateway.cli.terminal.output import note, print_json
from gateway.webhooks import purge as use_case
from gateway.webhooks.purge import Forgotten


@click.command()
@click.option("--older-than", type=Duration(), metavar="AGE", help="Else GATEWAY_RETENTION_DAYS.")
@with_invocation
def purge(invocation: Invocation, older_than: timedelta | None) -> None:
    """Forget events older than the retention, with their deliveries and attempts, of every tenant.

    Events with a delivery that is not finished stay. Rejections are forgotten after 7 days; what was signed, where a
    source accepts it once only, after GATEWAY_PROOF_DAYS. Works in short transactions beside a running gateway, and may
    be stopped at any time.
    """
    invocation.require_database()
    total = Forgotten()
    for total in use_case.purge(invocation.installation, actor=invocation.actor, older_than=older_than):
        _progress(total)
    if sys.stderr.isatty() and total.events:
        note("")
    if invocation.as_json:
        print_json(total)
        return
    click.echo(
        f"Forgot {total.events} events, {total.deliveries} deliveries, {total.attempts} attempts, "
        f"{total.rejections} rejections, {total.proofs} proofs."
    )
    if total.kept:
        note(f"{total.kept} old events stay: a delivery of theirs is not finished.")


def _progress(total: Forgotten) -> None:
    if sys.stderr.isatty() and total.events:
        click.echo(f"\r{total.events} events", err=True, nl=False)
