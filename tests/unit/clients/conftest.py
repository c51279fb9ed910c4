"""What clients in these tests hold, and how long they wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from gateway.clients.retries import RetryPolicy

TOKEN = "tok-3f9c0a7be1"
QUICK = RetryPolicy(first_pause_seconds=0.001, longest_pause_seconds=0.001)


@pytest.fixture
def every_line() -> Iterator[None]:
    """Lines of every level are made, whatever was configured by tests that ran in this process before."""
    configured = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**configured)
