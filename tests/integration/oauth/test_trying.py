"""Connections that are tested live, and those that are added without a browser: tried before they are stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from joserfc.jwk import RSAKey
from sqlalchemy import select

import gateway.providers
from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.errors import Conflict, InvalidInput, NotFound
from gateway.events.models import Event
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.adding.draft import ConnectionDraft
from gateway.oauth.adding.errors import CredentialsRefused, TrialFailed
from gateway.oauth.adding.management import AddedConnection, add_connection
from gateway.oauth.connections.explanation import explain_connection
from gateway.oauth.connections.store import change_state
from gateway.oauth.ending.revoking import revoke
from gateway.oauth.models import AppCredentials, Connection
from gateway.oauth.proxy.forwarding import Passing, forward
from gateway.oauth.states import ConnectionState
from gateway.oauth.trying import management as trying
from gateway.oauth.trying.attempt import Finding
from gateway.oauth.trying.management import TestedConnection
from gateway.tenants.acting import Acting, act
from gateway.tenants.audit_trail.models import AuditRow
from tests.services.acting import TESTER, add_tenant
from tests.services.connecting import BY_PASSWORD, KEYED, OPEN_SYSTEM, add_app, connect, granted, installation_for
from tests.services.keys import rsa_key
from tests.services.oauth_authority import CLIENT_SECRET
from tests.services.oauth_entries import PLAIN
from tests.services.oauth_provider import OAuthProvider

# By a clock of the tests': PostgreSQL has its own.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ME = "/api/me"
CATALOGUE = Path(gateway.providers.__file__).parent / "catalogue"


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


class Begin:
    def __init__(self, installation: Installation, tenant: str = "default") -> None:
        self._installation, self._tenant = installation, tenant

    def __call__(self, *, write: bool = True) -> AbstractContextManager[Acting]:
        return act(self._installation, actor=TESTER, tenant=self._tenant, write=write)


def on_trial(installation: Installation, connection_id: str) -> TestedConnection:
    return trying.test_connection(Begin(installation), connection_id)


def told(installation: Installation) -> list[str]:
    with installation.database.system_session() as session:
        events = session.scalars(select(Event).order_by(Event.id)).all()
    return [json.loads(event.body)["type"].removeprefix("gateway.connection.") for event in events]


def test_one_that_works(installation: Installation, provider: OAuthProvider) -> None:
    connection = connect(installation, provider)
    found = on_trial(installation, connection)
    assert (found.is_working, found.trial.status, found.trial.account.label) == (True, 200, "user-1@example.org")
    assert (found.connection.state, told(installation)) == ("connected", ["created"])
    [heard] = provider.at(ME)
    assert heard.headers["authorization"].startswith("Bearer at-user-1")


def test_one_that_is_refused_needs_its_customer(installation: Installation, provider: OAuthProvider) -> None:
    connection = connect(installation, provider)
    provider.revoke_all()
    found = on_trial(installation, connection)
    assert (found.is_working, found.trial.finding, found.trial.status) == (False, Finding.REFUSED, 401)
    assert found.connection.state == "needs_reauth"
    assert told(installation) == ["created", "needs_reauth"]
    on_trial(installation, connection)
    assert told(installation) == ["created", "needs_reauth"]
    with act(installation, actor=TESTER) as acting:
        explained = explain_connection(acting, connection)
        actions = [one.action for one in acting.session.scalars(select(AuditRow))]
    assert explained.next_steps[0].action == "connect_again"
    assert actions.count("connection.tested") == 2


def test_what_may_not_be_asked_degrades_until_it_may(installation: Installation, provider: OAuthProvider) -> None:
    connection = connect(installation, provider)
    provider.answer_next(ME, 403, {"error": "insufficient_scope"})
    found = on_trial(installation, connection)
    assert (found.connection.state, found.connection.reason) == ("degraded", "not_allowed")
    assert on_trial(installation, connection).connection.state == "connected"
    assert told(installation) == ["created", "degraded", "recovered"]


@pytest.mark.parametrize("status", [500, 503, 429, 0])
def test_no_clear_answer_changes_nothing(installation: Installation, provider: OAuthProvider, status: int) -> None:
    connection = connect(installation, provider)
    provider.fail(status)
    found = on_trial(installation, connection)
    provider.fail(None)
    assert (found.trial.finding, found.connection.state) == (Finding.UNCLEAR, "connected")
    assert "at-user-1" not in (found.trial.detail or "")


def test_an_answer_to_what_was_before_is_no_news(installation: Installation, provider: OAuthProvider) -> None:
    connection = connect(installation, provider)
    begin = Begin(installation)

    class Meanwhile(Begin):
        def __call__(self, *, write: bool = True) -> AbstractContextManager[Acting]:
            if write:
                connect(installation, provider, tokens=granted(provider))
            return begin(write=write)

    provider.answer_next(ME, 401, times=2)
    found = trying.test_connection(Meanwhile(installation), connection)
    assert (found.trial.finding, found.connection.state) == (Finding.REFUSED, "connected")


def test_what_is_over_or_anothers_is_not_tested(
    installation: Installation, provider: OAuthProvider, fake_clock: FakeClock
) -> None:
    connection = connect(installation, provider)
    add_tenant(installation.database, fake_clock, "rival")
    with pytest.raises(NotFound):
        trying.test_connection(Begin(installation, "rival"), connection)
    with act(installation, actor=TESTER, write=True) as acting:
        row = acting.session.get_one(Connection, connection)
        change_state(
            acting.session, installation, row, ConnectionState.REVOKED, reason=None, detail=None, now=acting.now
        )
    with pytest.raises(Conflict):
        on_trial(installation, connection)
    assert provider.at(ME) == []


def added(installation: Installation, **given: Any) -> AddedConnection:
    return add_connection(Begin(installation), ConnectionDraft(**{"provider": KEYED, **given}))


def key_of(provider: OAuthProvider, subject: str = "user-1") -> str:
    return granted(provider, subject=subject, seconds=None).access_token


def test_a_key_that_works_is_stored(installation: Installation, provider: OAuthProvider) -> None:
    key = key_of(provider)
    found = added(installation, values={"key": f"  {key}\n"}, reference="customer-1")
    assert (found.connection.way, found.connection.state, found.connection.reference) == (
        "api_key",
        "connected",
        "customer-1",
    )
    assert found.connection.parameters == {"shop": "main"}
    [heard] = provider.at(ME)
    assert heard.headers["x-shop"] == "main"
    with act(installation, actor=TESTER) as acting:
        assert vault.read(acting.session, installation.keyring, found.connection.id) == {"key": key}
    assert told(installation) == ["created"]
    assert on_trial(installation, found.connection.id).is_working


def test_a_key_that_is_refused_is_not(installation: Installation, provider: OAuthProvider) -> None:
    with pytest.raises(CredentialsRefused) as refused:
        added(installation, values={"key": "wrong-key"})
    assert "wrong-key" not in str(refused.value)
    provider.fail(503)
    with pytest.raises(TrialFailed):
        added(installation, values={"key": "some-key"})
    assert told(installation) == []
    found = added(installation, values={"key": "some-key"}, is_tested=False)
    assert (found.connection.state, found.connection.reason) == ("connected", "untested")
    provider.fail(None)
    assert on_trial(installation, found.connection.id).connection.state == "needs_reauth"
    key = key_of(provider)
    renewed = added(installation, values={"key": key}, reconnect=found.connection.id)
    assert (renewed.connection.id, renewed.connection.state) == (found.connection.id, "connected")
    assert told(installation) == ["created", "needs_reauth", "recovered"]


def test_an_open_system_is_connected_and_ended_without_secrets(
    installation: Installation, provider: OAuthProvider
) -> None:
    with pytest.raises(InvalidInput, match="takes: nothing"):
        added(installation, provider=OPEN_SYSTEM, values={"key": "k"}, way="open")
    found = added(installation, provider=OPEN_SYSTEM)
    assert (found.connection.way, found.connection.state) == ("open", "connected")
    assert found.connection.reason == "untested"
    with act(installation, actor=TESTER) as acting:
        assert vault.read(acting.session, installation.keyring, found.connection.id) == {}
        tenant_id = acting.tenant.id
    passing = Passing("GET", "me", "", (), BytesIO())
    provider.answer_next(ME, 200, {"fine": True})
    answer = forward(installation, tenant_id, found.connection.id, passing)
    assert b"".join(answer) == b'{"fine": true}'
    answer.close()
    assert "authorization" not in provider.heard[-1].headers
    assert on_trial(installation, found.connection.id).trial.finding is Finding.UNTRIED
    with act(installation, actor=TESTER, write=True) as acting:
        assert revoke(acting, found.connection.id).state == "revoked"
    assert told(installation) == ["created", "revoked"]


@pytest.mark.parametrize(
    ("said", "finding", "state"),
    [
        ({"ok": False, "error": "token_revoked"}, Finding.REFUSED, "needs_reauth"),
        ({"ok": False, "error": "missing_scope"}, Finding.NOT_ALLOWED, "degraded"),
        ({"ok": False, "error": "fatal_error"}, Finding.UNCLEAR, "connected"),
        ({"ok": True, "user": "ada"}, Finding.WORKS, "connected"),
    ],
)
def test_an_error_inside_of_a_success_is_one(
    installation: Installation, provider: OAuthProvider, tmp_path: Path, said: object, finding: Finding, state: str
) -> None:
    """As Slack's auth.test says it."""
    slack = yaml.safe_load((CATALOGUE / "slack.yaml").read_text(encoding="utf-8"))
    path = tmp_path / "entries" / f"{PLAIN}.yaml"
    entry = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert slack["oauth"]["check"] == {"url": "https://slack.com/api/auth.test", "method": "POST"}
    entry["oauth"]["check"] = {"url": "{base}/api/auth.test", "method": "POST"}
    entry["api"] = {**slack["api"], "base_url": f"{provider.url}/api"}
    entry |= {"docs": "the tests", "evidence": {"level": "docs", "by": ["the tests"]}}
    path.write_text(yaml.safe_dump(entry), encoding="utf-8")
    connection_id = connect(installation, provider)
    provider.answer_next("/api/auth.test", 200, said, times=2)
    found = on_trial(installation, connection_id)
    assert (found.trial.finding, found.connection.state) == (finding, state)
    assert provider.at("/api/auth.test")[0].headers["authorization"].startswith("Bearer ")


def test_a_name_with_a_password(installation: Installation, provider: OAuthProvider) -> None:
    provider.answer_next(ME, 200, {"id": "7", "email": "ada@example.org"})
    found = added(installation, provider=BY_PASSWORD, values={"username": "ada", "password": "pass word"})
    assert (found.connection.way, found.connection.account.id) == ("basic", "ada")
    assert provider.at(ME)[0].headers["authorization"] == "Basic YWRhOnBhc3Mgd29yZA=="
    provider.answer_next(ME, 200, {"id": "7"})
    again = added(installation, provider=BY_PASSWORD, values={"username": "ada", "password": "another"})
    assert again.connection.id == found.connection.id
    assert told(installation) == ["created"]


def test_a_key_that_may_not_ask_is_degraded(installation: Installation, provider: OAuthProvider) -> None:
    provider.answer_next(ME, 403, {})
    found = added(installation, values={"key": "narrow-key"})
    assert (found.connection.state, found.connection.reason) == ("degraded", "not_allowed")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "key is missing"),
        ({"values": {"key": "  "}}, "key is missing"),
        ({"values": {"key": "a\x00b"}}, "line break"),
        ({"values": {"key": "k" * 20_000}}, "16384"),
        ({"values": {"key": "k", "password": "p"}}, "not connected with what is given"),
        ({"values": {"key": "k"}, "way": "api_key", "scopes": ["a"]}, "where it was made"),
        ({"values": {"key": "k"}, "way": "basic"}, "not connected by basic"),
        ({"values": {"key": "k"}, "parameters": {"shop": "../x"}}, "does not match its pattern"),
        ({"values": {"key": "k"}, "parameters": {"host": "x"}}, "no parameter 'host'"),
        ({"values": {"key": "k"}, "reference": "r" * 300}, "1 to 255"),
        ({"values": {"key": "k"}, "provider": "nobody"}, "nobody"),
        ({"provider": "openid-provider", "values": {"key": "k"}}, "not connected with what is given"),
    ],
)
def test_what_cannot_be(installation: Installation, provider: OAuthProvider, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        added(installation, **given)
    assert "a\x00b" not in str(caught.value)
    assert provider.heard == []


def by_app(installation: Installation, **given: Any) -> AddedConnection:
    with act(installation, actor=TESTER, write=True) as acting:
        if acting.session.scalars(select(AppCredentials)).first() is None:
            add_app(acting)
    wanted = {"provider": PLAIN, "way": "client_credentials", "app_credentials": "app"}
    return add_connection(Begin(installation), ConnectionDraft(**{**wanted, **given}))


def test_client_credentials_get_their_first_token(installation: Installation, provider: OAuthProvider) -> None:
    found = by_app(installation).connection
    assert (found.way, found.state, found.app_credentials) == ("client_credentials", "connected", "app")
    assert (found.scopes_asked, found.scopes_granted) == (["read"], ["read"])
    assert found.access_expires_at is not None
    assert found.refresh_at is not None
    [asked] = provider.granted("client_credentials")
    assert asked.form["scope"] == "read"
    assert on_trial(installation, found.id).is_working
    assert by_app(installation).connection.id == found.id
    assert by_app(installation, reference="customer-1").connection.id != found.id
    assert told(installation) == ["created", "created"]


def test_client_credentials_that_get_none_are_not_stored(installation: Installation, provider: OAuthProvider) -> None:
    provider.client_secret = "another"
    with pytest.raises(CredentialsRefused, match="invalid_client") as refused:
        by_app(installation)
    assert CLIENT_SECRET not in str(refused.value)
    provider.fail(503)
    with pytest.raises(TrialFailed):
        by_app(installation)
    provider.fail(None)
    with pytest.raises(InvalidInput, match="by getting its first token"):
        by_app(installation, is_tested=False)
    with pytest.raises(InvalidInput, match="are of plain-provider"):
        by_app(installation, provider="openid-provider")
    with pytest.raises(NotFound):
        by_app(installation, app_credentials="nobody")
    assert told(installation) == []


def test_a_service_account_signs(installation: Installation, provider: OAuthProvider) -> None:
    key = RSAKey.import_key(rsa_key())
    provider.assertion_key = key.as_dict(private=False)
    with act(installation, actor=TESTER, write=True) as acting:
        row = add_app(acting)
        secrets = {vault.PRIVATE_KEY: key.as_pem(private=True).decode()}
        vault.write(
            acting.session, acting.keyring, tenant_id=row.tenant_id, owner_id=row.id, secrets=secrets, now=acting.now
        )
    found = by_app(installation, way="jwt_bearer", parameters={"username": "robot"}).connection
    assert (found.way, found.account.id, found.parameters) == ("jwt_bearer", "robot", {"username": "robot"})
