"""Logging as it was before: what a server or worker in this process set up for itself ends with the test."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from gateway.telemetry.logging import get_logger


@contextmanager
def logging_restored() -> Iterator[None]:
    """Records that `configure_logging` sends to a stream inside the block go there no longer after it.

    The stream is often one that a test has in the place of standard error, and closed once the test is over.
    """
    # Sets up what holds where nobody configures.
    get_logger(__name__)
    root = logging.getLogger()
    handlers, level, configured = list(root.handlers), root.level, structlog.get_config()
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**configured)
