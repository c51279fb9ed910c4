"""`gateway worker`: deliveries, in a process of its own."""

from __future__ import annotations

import sys
from datetime import timedelta

import click

from gateway.cli.local import read_local_settings
from gateway.cli.terminal.failures import fail_all, failures
from gateway.cli.terminal.options import Duration
from gateway.delivery.sending.handler_pool import DEFAULT_PROCESSES
from gateway.engines.embedded import run_worker
from gateway.errors import ConfigurationError, GatewayError, StorageUnavailable
from gateway.installation import Installation
from gateway.preflight import look_at_database, look_at_modules
from gateway.telemetry.logging import configure_logging

DEFAULT_DEADLINE = timedelta(seconds=20)


@click.command()
@click.option(
    "--shutdown-deadline",
    type=Duration(),
    default=DEFAULT_DEADLINE,
    help="After SIGTERM, how long tries under way may take before they are cut off and released [20s].",
)
@click.option(
    "--handler-processes",
    type=click.IntRange(1, 256),
    default=DEFAULT_PROCESSES,
    show_default=True,
    help="How many handlers may run at once; the processes start with the first handler's delivery.",
)
def worker(shutdown_deadline: timedelta, handler_processes: int) -> None:
    """Make deliveries until SIGTERM or Ctrl-C. Any number of workers may share one database."""
    with failures():
        # As `gateway run` on this machine: else a worker beside it would refuse what the other one delivers.
        settings, error = read_local_settings()
        if error is not None:
            fail_all([error, *look_at_modules(settings)])
        configure_logging(settings, sys.stderr)
        with Installation(settings) as installation:
            _require_start(installation)
            code = run_worker(
                installation,
                shutdown_deadline_seconds=shutdown_deadline.total_seconds(),
                handler_processes=handler_processes,
            )
    raise click.exceptions.Exit(code)


def _require_start(installation: Installation) -> None:
    """End the command with everything that would keep it from delivering."""
    found: list[GatewayError] = []
    try:
        # Not in a child: what is imported here is needed here.
        installation.require_configuration()
    except ConfigurationError as error:
        found.append(error)
    except StorageUnavailable:
        # Told below, with what to do.
        pass
    found += look_at_database(installation.database)
    if found:
        fail_all(found)
