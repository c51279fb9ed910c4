"""Clients for connected accounts, as an application gets them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.clients.errors import AuthenticationFailed
from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.connections import Connections
from gateway.errors import InvalidInput, NotFound
from gateway.installation import Installation
from gateway.oauth.calling.client import ConnectedClient
from tests.services.acting import add_tenant
from tests.services.connecting import connect, granted, installation_for
from tests.services.oauth_provider import OAuthProvider

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def provider(oauth_server: OAuthProvider, fake_clock: FakeClock) -> OAuthProvider:
    oauth_server.reset(fake_clock)
    return oauth_server


@pytest.fixture
def installation(
    settings: Settings, provider: OAuthProvider, tmp_path: Path, fake_clock: FakeClock
) -> Iterator[Installation]:
    with installation_for(settings, provider, tmp_path / "entries", fake_clock) as made:
        yield made


@pytest.fixture
def connections(installation: Installation) -> Connections:
    return installation.part(Connections)


def test_a_client_is_ready(installation: Installation, connections: Connections, provider: OAuthProvider) -> None:
    connection = connect(installation, provider)
    client = connections.client(connection)
    answer = client.json("GET", "/echo/{id}", {"id": 17}, query={"a": 1})
    assert (answer["path"], answer["query"]) == ("/api/echo/17", {"a": "1"})
    assert answer["headers"]["authorization"].startswith("Bearer at-user-1")
    assert "at-user-1" not in repr(client)
    with pytest.raises(NotFound):
        client.resource("things")


def test_it_is_one_for_all_threads_until_the_connection_is_another(
    installation: Installation, connections: Connections, provider: OAuthProvider, fake_clock: FakeClock
) -> None:
    connection = connect(installation, provider)
    with ThreadPoolExecutor(4) as threads:
        found: set[ConnectedClient] = set(threads.map(lambda _: connections.client(connection), range(8)))
    [client] = found
    fake_clock.advance(6)
    assert connections.client(connection) is client
    connect(installation, provider, kept={"site": "eu"})
    fake_clock.advance(6)
    assert connections.client(connection) is not client
    assert connections.client(connection).json("GET", "/echo")["path"] == "/api/echo"


def test_a_token_that_is_refused_is_renewed_once(
    installation: Installation, connections: Connections, provider: OAuthProvider
) -> None:
    connection = connect(installation, provider, tokens=granted(provider))
    client = connections.client(connection)
    provider.answer_next("/api/echo", 401)
    assert client.json("GET", "/echo")["headers"]["authorization"].startswith("Bearer access-")
    assert len(provider.granted("refresh_token")) == 1
    provider.revoke_all()
    with pytest.raises(AuthenticationFailed):
        client.json("GET", "/echo")


def test_a_tenants_own_only(
    installation: Installation, connections: Connections, provider: OAuthProvider, fake_clock: FakeClock
) -> None:
    add_tenant(installation.database, fake_clock, "rival")
    connection = connect(installation, provider, tenant="rival")
    with pytest.raises(NotFound):
        connections.client(connection)
    assert connections.client(connection, tenant="rival").json("GET", "/echo")["path"] == "/api/echo"
    with pytest.raises(NotFound):
        connections.client("conn_unknown")


def test_where_nothing_is_known_of_the_api(
    settings: Settings, provider: OAuthProvider, tmp_path: Path, fake_clock: FakeClock
) -> None:
    with installation_for(settings, provider, tmp_path / "entries", fake_clock, api=None) as installation:
        connection = connect(installation, provider)
        with pytest.raises(InvalidInput, match="where the API of plain-provider is"):
            installation.part(Connections).client(connection)
