"""A system that behaves badly, and a provider of tokens, each shared by all who call one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.fault_server import FaultServer, fault_server
from tests.services.oauth_provider import OAuthProvider, oauth_provider


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


@pytest.fixture(scope="session")
def _oauth_server() -> Iterator[OAuthProvider]:
    with oauth_provider() as server:
        yield server


@pytest.fixture
def oauth_server(_oauth_server: OAuthProvider) -> OAuthProvider:
    """One provider for all tests, as new, by the machine's clock: set `clock` for another."""
    _oauth_server.reset()
    return _oauth_server
