"""A gateway whose customers connect accounts at a provider on loopback, in this process; browsers have cookies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.events.models import Event
from gateway.factory import create_app
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.flows.sessions.draft import ConnectSessionDraft
from gateway.oauth.flows.sessions.management import make_connect_session
from gateway.oauth.flows.sessions.search import show_connect_session
from gateway.oauth.flows.sessions.summary import ConnectSessionSummary
from gateway.oauth.models import AppCredentials, Connection, ConnectSession, Flow
from gateway.tenants.acting import act
from gateway.tenants.models import Tenant
from tests.services.acting import TESTER
from tests.services.oauth_entries import PLAIN, write_entries
from tests.services.oauth_provider import OAuthProvider

BASE_URL = "http://gateway.test"
RETURN_TO = "https://app.example.com/integrations?tab=1"
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For tests of which the database is not the point."""


@dataclass
class FlowsUnderTest:
    """An application, and a provider on loopback."""

    app: Flask
    installation: Installation
    clock: FakeClock
    provider: OAuthProvider
    entries: Path

    def browser(self) -> FlaskClient:
        """Another browser, with a jar of its own."""
        return self.app.test_client()

    def change_entries(self, **changes: Any) -> None:
        """Change the section `oauth` of both entries, before anybody has asked for them."""
        write_entries(self.entries, self.provider, **changes)

    @property
    def base(self) -> Mapping[str, str]:
        """The parameter of both entries that says where the provider is."""
        return {"about": "the server's URL", "kind": "url", "default": self.provider.url}

    def add_app(self, name: str = "app", provider: str = PLAIN, tenant: str = "default", **values: Any) -> str:
        """App credentials that are good at the provider; their id."""
        with act(self.installation, actor=TESTER, tenant=tenant, write=True) as acting:
            now = acting.now
            row = AppCredentials(
                id=f"app_{name}_{tenant}",
                name=name,
                provider=provider,
                client_id=self.provider.client_id,
                parameters=values.pop("parameters", {}),
                created_at=now,
                updated_at=now,
                **values,
            )
            acting.session.add(row)
            acting.session.flush()
            vault.write(
                acting.session,
                acting.keyring,
                tenant_id=row.tenant_id,
                owner_id=row.id,
                secrets={vault.CLIENT_SECRET: self.provider.client_secret},
                now=now,
            )
            return row.id

    def allow_return(self, tenant: str = "default", origins: Sequence[str] = ("https://app.example.com",)) -> None:
        """Let browsers be sent back to the application, and to no other origins than these."""
        with self.installation.database.system_session(write=True) as session:
            row = session.scalars(select(Tenant).where(Tenant.slug == tenant)).one()
            row.return_origins = list(origins)

    def link(self, app: str | None = "app", tenant: str = "default", **draft: Any) -> str:
        """The path of a one-time URL."""
        return self.session(app, tenant, **draft)[1]

    def session(self, app: str | None = "app", tenant: str = "default", **draft: Any) -> tuple[str, str]:
        """The id of a connect session, and the path of its one-time URL."""
        with act(self.installation, actor=TESTER, tenant=tenant, write=True) as acting:
            made = make_connect_session(acting, ConnectSessionDraft(app_credentials=app, **draft))
        assert made.url.startswith(BASE_URL)
        return made.session.id, made.url.removeprefix(BASE_URL)

    def shown(self, session_id: str, tenant: str = "default") -> ConnectSessionSummary:
        with act(self.installation, actor=TESTER, tenant=tenant) as acting:
            return show_connect_session(acting, session_id)

    def leave(self, browser: FlaskClient, link: str) -> str:
        """The URL at the provider to which the browser is sent from `link`."""
        answer = browser.get(link)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def agree(self, browser: FlaskClient, link: str, *, subject: str | None = None) -> str:
        """The path of the callback to which the provider sends the browser."""
        back = self.provider.agree(self.leave(browser, link), subject=subject)
        assert back.startswith(BASE_URL)
        return back.removeprefix(BASE_URL)

    def connect(
        self, browser: FlaskClient | None = None, *, subject: str | None = None, **session: Any
    ) -> TestResponse:
        """The answer at the end of the whole way."""
        browser = browser or self.browser()
        return browser.get(self.agree(browser, self.link(**session), subject=subject))

    def connections(self) -> list[Connection]:
        with self.installation.database.system_session() as session:
            return list(session.scalars(select(Connection).order_by(Connection.id)))

    def flows(self) -> list[Flow]:
        with self.installation.database.system_session() as session:
            return list(session.scalars(select(Flow).order_by(Flow.id)))

    def sessions(self) -> list[ConnectSession]:
        with self.installation.database.system_session() as session:
            return list(session.scalars(select(ConnectSession).order_by(ConnectSession.id)))

    def secrets(self, connection: Connection) -> Mapping[str, str]:
        with self.installation.database.tenant_session(connection.tenant_id) as session:
            return vault.read(session, self.installation.keyring, connection.id)

    def events(self) -> list[tuple[str, Mapping[str, Any]]]:
        with self.installation.database.system_session() as session:
            found = session.scalars(select(Event).order_by(Event.id))
            return [(event.type or "", json.loads(event.body)["data"]) for event in found]


@pytest.fixture
def flows(
    settings: Settings, fake_clock: FakeClock, oauth_server: OAuthProvider, tmp_path: Path
) -> Iterator[FlowsUnderTest]:
    oauth_server.reset(fake_clock)
    entries = tmp_path / "providers"
    write_entries(entries, oauth_server)
    set_up = replace(settings, base_url=BASE_URL, providers_dir=entries)
    with Installation(set_up, clock=fake_clock) as installation:
        yield FlowsUnderTest(create_app(installation), installation, fake_clock, oauth_server, entries)
