"""The Celery application of this gateway, for Celery's own command line: `celery -A gateway.celery worker`.

It works on what the environment says, like `gateway worker`, which is the same worker without Celery's options.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.cli.local import local_settings
from gateway.engines.celery_engine.app import make_app
from gateway.engines.celery_engine.process import WorkerProcess
from gateway.installation import Installation
from gateway.preflight import look_at_worker
from gateway.telemetry.logging import configure_logging, get_logger

_log = get_logger(__name__)


@contextmanager
def _opened() -> Iterator[Installation]:
    settings = local_settings()
    configure_logging(settings, sys.stderr)
    with Installation(settings) as installation:
        found = list(look_at_worker(installation))
        for error in found:
            _log.error(str(error), code=error.code)
        if found:
            raise SystemExit(1)
        yield installation


app = make_app(local_settings, WorkerProcess(_opened))
