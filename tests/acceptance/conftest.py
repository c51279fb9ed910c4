"""Whole gateways: real processes on a real database, with a sink to deliver to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.gateway_process import Installation
from tests.services.sink_thread import SinkThread, sink_thread
from tests.services.tables import Tables, tables_of


@pytest.fixture
def sink() -> Iterator[SinkThread]:
    """Destinations of every kind, in a thread of the test."""
    with sink_thread() as sink:
        yield sink


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Iterator[Installation]:
    """A gateway on `database_url`, in a directory of its own, that may call the sink; nothing runs yet."""
    allowed = {"GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "true"}
    with Installation(tmp_path / "installation", database_url, **allowed) as installation:
        yield installation


@pytest.fixture
def tables(database_url: str) -> Iterator[Tables]:
    """What is in the database of `database_url`."""
    with tables_of(database_url) as tables:
        yield tables
