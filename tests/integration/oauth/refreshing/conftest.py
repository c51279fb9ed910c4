"""An installation with connections to a provider on loopback, and what became of them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from sqlalchemy import select, text

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.events.models import Event
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.app_credentials.app import load_app
from gateway.oauth.connections.store import create_or_update
from gateway.oauth.models import AppCredentials, Connection
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.http import http_of
from gateway.oauth.protocol.tokens import exchange_code
from gateway.oauth.protocol.values import AccountFacts
from gateway.oauth.refreshing.single_flight import SingleFlight
from gateway.tenants.acting import act
from tests.integration.oauth.apps import stored_app
from tests.services.acting import TESTER
from tests.services.oauth_authority import CLIENT_ID, CLIENT_SECRET
from tests.services.oauth_entries import PLAIN, write_entries
from tests.services.oauth_provider import OAuthProvider

VERIFIER = "v" * 43


@dataclass
class World:
    """One installation, and one provider. `clock` is both's."""

    installation: Installation
    provider: OAuthProvider
    clock: FakeClock

    def another(self, clock: FakeClock | None = None) -> Installation:
        """Another process of the same gateway, but for the process."""
        return Installation(self.installation.settings, clock=clock or self.clock)

    def flight(self, installation: Installation | None = None, **options: Any) -> SingleFlight:
        """One of its own, whose waits take no time."""
        return SingleFlight(installation or self.installation, **{"pause": self.pause, **options})

    def pause(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def connect(self, **given: Any) -> str:
        """A connection, as the flow leaves it; its id."""
        installation = self.installation
        with act(installation, actor=TESTER, write=True) as acting:
            row = acting.session.get(AppCredentials, "app_1")
            row = row or stored_app(acting, PLAIN, client_id=CLIENT_ID, secrets={"client_secret": CLIENT_SECRET})
            app = load_app(acting.session, installation, row)
        http = http_of(installation)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
        asked = {"client_id": CLIENT_ID, "redirect_uri": app.redirect_uri, "scope": "read", "state": "s"}
        asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        back = self.provider.agree(f"{self.provider.url}/authorize?{urlencode(asked)}")
        now_us = self.clock.now_us()
        tokens = exchange_code(
            app,
            endpoints(app, http, self.clock),
            http,
            code=parse_qs(urlsplit(back).query)["code"][0],
            verifier=VERIFIER,
            now_us=now_us,
        )
        self.provider.heard.clear()
        with act(installation, actor=TESTER, write=True) as acting:
            values: dict[str, Any] = {
                "tenant_id": acting.tenant.id,
                "app": row,
                "provider": PLAIN,
                "way": "authorization_code",
                "tokens": tokens,
                "account": AccountFacts(id="user-1", label="somebody", key=f"user-{now_us}-{given.get('reference')}"),
                "scopes_asked": ["read"],
                "parameters": {},
                "kept": {},
                "reference": None,
                "reconnect_id": None,
                "now": acting.now,
                **given,
            }
            return create_or_update(acting.session, acting.keyring, installation, **values)[0].id

    def row(self, connection_id: str) -> Connection:
        with self.installation.database.system_session() as session:
            return session.scalars(select(Connection).where(Connection.id == connection_id)).one()

    def secrets(self, owner_id: str) -> dict[str, str]:
        with self.installation.database.system_session() as session:
            return vault.read(session, self.installation.keyring, owner_id)

    def refreshes(self) -> int:
        """How many the provider was asked for."""
        return len(self.provider.granted("refresh_token"))

    def told(self) -> list[str]:
        """What was told of connections, in its order, but for that they are there."""
        with self.installation.database.system_session() as session:
            events = session.scalars(select(Event).order_by(Event.id)).all()
        types = [json.loads(event.body)["type"].removeprefix("gateway.connection.") for event in events]
        return [one for one in types if one != "created"]

    def expire(self) -> None:
        """Let the time pass that a token lives."""
        self.clock.advance(3600)

    def change(self, connection_id: str, **columns: Any) -> None:
        """As if somebody had written to the row."""
        with self.installation.database.write() as connection:
            for name, value in columns.items():
                statement = text(f"UPDATE connections SET {name} = :value WHERE id = :id")
                connection.execute(statement, {"value": value, "id": connection_id})


@pytest.fixture
def world_settings(settings: Settings, tmp_path: Path, oauth_server: OAuthProvider) -> Settings:
    """With the provider in the catalogue: single use of refresh tokens, found out when they are shown again."""
    write_entries(tmp_path / "providers", oauth_server)
    return replace(settings, providers_dir=tmp_path / "providers")


@pytest.fixture
def world(world_settings: Settings, fake_clock: FakeClock, oauth_server: OAuthProvider) -> Iterator[World]:
    """By a clock that moves when it is told to, on SQLite: PostgreSQL has its own time."""
    oauth_server.clock = fake_clock
    with Installation(world_settings, clock=fake_clock) as installation:
        yield World(installation, oauth_server, fake_clock)
