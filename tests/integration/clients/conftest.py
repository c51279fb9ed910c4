"""Clients for a system that behaves badly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.clients.auth.base import Bearer
from gateway.clients.client import ApiClient
from gateway.clients.transport import Timeout
from gateway.security.ssrf import AddressPolicy
from tests.services.fault_server import FaultServer
from tests.unit.clients.conftest import QUICK, TOKEN

LOOPBACK = AddressPolicy(allow_private=True)
MakeClient = Callable[..., ApiClient]


@pytest.fixture
def make_client(server: FaultServer) -> Iterator[MakeClient]:
    """Makes clients of the server, with short pauses and a token; closed when the test ends."""
    made: list[ApiClient] = []

    def make(base_url: str = "", **options: Any) -> ApiClient:
        given = {"auth": Bearer(TOKEN), "allow_http": True, "policy": LOOPBACK, "retries": QUICK, "system": "acme"}
        given["timeout"] = Timeout(connect_seconds=2, read_seconds=2, call_seconds=10)
        made.append(ApiClient(base_url or server.url, **given | options))
        return made[-1]

    yield make
    for client in made:
        client.close()
