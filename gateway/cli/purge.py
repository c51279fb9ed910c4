"""`gateway purge`: forget what is older than the retention."""

from __future__ import annotations

import sys
from datetime import timedelta

import click

from gateway.cli.invocation import Invocation, with_invocation
from gateway.cli.terminal.options import Duration
from gateway.cli.terminal.output import as_data, note, print_json
from gateway.delivery.retention import Purged, purge_events
from gateway.errors import InvalidInput
from gateway.webhooks.rejections.retention import purge_rejections


@click.command()
@click.option("--older-than", type=Duration(), metavar="AGE", help="Else GATEWAY_RETENTION_DAYS.")
@with_invocation
def purge(invocation: Invocation, older_than: timedelta | None) -> None:
    """Forget events older than the retention, with their deliveries and attempts, of every tenant.

    Events with a delivery that is not finished stay. Rejections are forgotten after 7 days. Works in short
    transactions beside a running gateway, and may be stopped at any time.
    """
    kept_for = timedelta(days=invocation.installation.settings.retention_days) if older_than is None else older_than
    if kept_for < timedelta(0):
        raise InvalidInput("--older-than must not be negative")
    now = invocation.now()
    total = Purged()
    for step in purge_events(invocation.database, before=now - kept_for):
        total += step
        _progress(total)
    rejections = sum(purge_rejections(invocation.database, now=now))
    if sys.stderr.isatty() and total != Purged():
        note("")
    if invocation.as_json:
        print_json(as_data(total) | {"rejections": rejections})
        return
    counts = f"{total.events} events, {total.deliveries} deliveries, {total.attempts} attempts, {rejections} rejections"
    click.echo(f"Forgot {counts}.")
    if total.kept:
        note(f"{total.kept} old events stay: a delivery of theirs is not finished.")


def _progress(total: Purged) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{total.events} events", err=True, nl=False)
