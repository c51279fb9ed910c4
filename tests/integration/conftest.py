"""A system that behaves badly, shared by all who call one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.fault_server import FaultServer, fault_server


@pytest.fixture(scope="session")
def _server() -> Iterator[FaultServer]:
    with fault_server() as server:
        yield server


@pytest.fixture
def server(_server: FaultServer) -> FaultServer:
    """One server for all tests, which has heard nothing yet."""
    _server.heard.clear()
    _server.log.clear()
    return _server
