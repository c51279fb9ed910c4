"""The Celery application of this gateway, for Celery's own command line: `celery -A gateway.celery worker`.

It works on what the environment says, like `gateway worker`, which is the same worker without Celery's options.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from gateway.cli.local import local_settings
from gateway.cli.terminal.failures import fail_all, failures
from gateway.engines.celery_engine.app import make_app
from gateway.engines.celery_engine.process import WorkerProcess
from gateway.installation import Installation
from gateway.preflight import look_at_worker
from gateway.telemetry.logging import configure_logging


@contextmanager
def _guarded() -> Iterator[None]:
    try:
        with failures():
            yield
    except click.exceptions.Exit as end:
        raise SystemExit(end.exit_code) from None


@contextmanager
def _opened() -> Iterator[Installation]:
    settings = local_settings()
    configure_logging(settings, sys.stderr)
    with Installation(settings) as installation:
        found = list(look_at_worker(installation))
        if found:
            fail_all(found)
        yield installation


app = make_app(local_settings, WorkerProcess(_opened, _guarded))
