"""`gateway worker`: deliveries, in a process of its own."""

from __future__ import annotations

import sys
from datetime import timedelta

import click

from gateway.cli.local import read_local_settings
from gateway.cli.terminal.failures import fail_all, failures
from gateway.cli.terminal.options import Duration
from gateway.deferred import deferred
from gateway.delivery.sending.handler_pool import DEFAULT_PROCESSES
from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.preflight import look_at_modules, look_at_worker
from gateway.telemetry.logging import configure_logging, warn_of_settings

# One of the two is wanted.
_embedded = deferred("gateway.engines.embedded")
_celery = deferred("gateway.engines.celery_engine.run")

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
@click.option(
    "-Q",
    "--queues",
    metavar="NAME,…",
    default="",
    help="With a broker: the queues that this worker takes, with commas between them [all].",
)
@click.option(
    "-n",
    "--name",
    help="With a broker: what this worker is called there; no two may have one name [gateway-PID@HOST].",
)
def worker(shutdown_deadline: timedelta, handler_processes: int, queues: str, name: str | None) -> None:
    """Make deliveries until SIGTERM or Ctrl-C. Any number of workers may share one database.

    With GATEWAY_BROKER_URL it is a Celery worker, woken by the broker; `celery -A gateway.celery worker` is the same.
    """
    with failures():
        # As `gateway run` on this machine: else a worker beside it would refuse what the other one delivers.
        settings, error = read_local_settings()
        if error is not None:
            fail_all([error, *look_at_modules(settings)])
        configure_logging(settings, sys.stderr)
        warn_of_settings(settings)
        with Installation(settings) as installation:
            found = list(look_at_worker(installation))
            if found:
                fail_all(found)
            given = {
                "shutdown_deadline_seconds": shutdown_deadline.total_seconds(),
                "handler_processes": handler_processes,
            }
            if settings.broker_url:
                chosen = [one.strip() for one in queues.split(",") if one.strip()]
                code = _celery.run_worker(installation, **given, queues=chosen, name=name)
            elif queues or name:
                raise InvalidInput("queues and names are for workers of a broker, and GATEWAY_BROKER_URL is not set")
            else:
                code = _embedded.run_worker(installation, **given)
    raise click.exceptions.Exit(code)
