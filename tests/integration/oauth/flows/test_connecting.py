"""An account is connected by a browser: the whole way, against a real provider on loopback."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from gateway.db.model import Base
from gateway.oauth.flows.sessions.states import SessionState
from gateway.tenants.audit_trail.models import AuditRow
from tests.integration.oauth.flows.conftest import BASE_URL, RETURN_TO, SQLITE, FlowsUnderTest
from tests.services.oauth_entries import OPENID, PLAIN


@pytest.mark.parametrize("provider", [PLAIN, OPENID])
def test_an_account_is_connected(flows: FlowsUnderTest, provider: str) -> None:
    app_id = flows.add_app(provider=provider)
    flows.allow_return()
    browser = flows.browser()
    session_id, link = flows.session(return_to=RETURN_TO, reference="customer-42")
    out = urlsplit(flows.leave(browser, link))
    assert f"{out.scheme}://{out.netloc}{out.path}" == f"{flows.provider.url}/authorize"
    asked = {name: values[0] for name, values in parse_qs(out.query).items()}
    assert asked["redirect_uri"].startswith(f"{BASE_URL}/oauth/{provider}/")
    assert (asked["code_challenge_method"], len(asked["state"])) == ("S256", 43)
    assert flows.shown(session_id).state is SessionState.OPENED
    back = flows.provider.agree(out.geturl()).removeprefix(BASE_URL)
    answer = browser.get(back)
    [connection] = flows.connections()
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{RETURN_TO}&connection={connection.id}&status=connected"
    assert (connection.provider, connection.app_credentials_id, connection.reference) == (
        provider,
        app_id,
        "customer-42",
    )
    assert (connection.state, connection.account_id, connection.account_label) == (
        "connected",
        "user-1",
        "ada@example.org",
    )
    secrets = flows.secrets(connection)
    assert secrets.keys() == {"access_token", "refresh_token"}
    assert secrets["access_token"] in flows.provider.access_tokens
    shown = flows.shown(session_id)
    assert (shown.state, shown.outcome, shown.connection) == (SessionState.CONNECTED, "connected", connection.id)
    [flow] = flows.flows()
    assert flow.sealed is None
    assert [type for type, _ in flows.events()] == ["gateway.connection.created"]
    counted = flows.installation.metrics.registry.get_sample_value("gateway_flows_total", {"outcome": "connected"})
    assert counted == 1
    assert_nothing_shows(flows, secrets["access_token"], secrets["refresh_token"], asked["state"])
    with flows.installation.database.system_session() as session:
        entries = session.scalars(select(AuditRow).order_by(AuditRow.number)).all()
    [entry] = [entry for entry in entries if entry.action == "connection.connected"]
    assert (entry.object_id, entry.object_name, entry.actor_name) == (connection.id, "ada@example.org", "tester")


@SQLITE
def test_without_a_place_to_return_to_a_page_says_it(flows: FlowsUnderTest) -> None:
    flows.add_app()
    flows.provider.email = "<script>alert(1)</script>@example.org"
    answer = flows.connect()
    assert answer.status_code == 200
    assert "<h1>Connected</h1>" in answer.text
    assert "<script" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text


@SQLITE
def test_nobody_is_sent_back_to_an_origin_that_was_taken_away_meanwhile(flows: FlowsUnderTest) -> None:
    flows.add_app()
    flows.allow_return()
    browser = flows.browser()
    session_id, link = flows.session(return_to=RETURN_TO)
    back = flows.agree(browser, link)
    flows.allow_return(origins=["https://app.example.com:8443"])
    answer = browser.get(back)
    assert (answer.status_code, "Location" in answer.headers, "app.example.com" in answer.text) == (200, False, False)
    shown = flows.shown(session_id)
    assert (shown.outcome, shown.return_to) == ("connected", RETURN_TO)


@SQLITE
def test_the_same_account_is_one_connection_and_another_one_is_another(flows: FlowsUnderTest) -> None:
    flows.add_app()
    for _ in range(2):
        flows.connect(reference="customer-42")
    assert len(flows.connections()) == 1
    flows.connect(reference="customer-43")
    flows.connect(reference="customer-42", subject="user-2")
    assert len(flows.connections()) == 3


@SQLITE
def test_what_is_connected_anew_keeps_its_id(flows: FlowsUnderTest) -> None:
    flows.add_app()
    flows.connect()
    [before] = flows.connections()
    flows.connect(app=None, reconnect=before.id)
    [after] = flows.connections()
    assert (after.id, after.version) == (before.id, before.version + 1)


@SQLITE
def test_another_account_does_not_take_its_place(flows: FlowsUnderTest) -> None:
    flows.add_app()
    flows.allow_return()
    flows.connect()
    [before] = flows.connections()
    tokens = flows.secrets(before)
    answer = flows.connect(app=None, reconnect=before.id, return_to=RETURN_TO, subject="user-2")
    assert answer.headers["Location"] == f"{RETURN_TO}&error=account_mismatch"
    [after] = flows.connections()
    assert (after.version, flows.secrets(after)) == (before.version, tokens)


@SQLITE
def test_scopes_that_were_not_granted_are_seen(flows: FlowsUnderTest) -> None:
    flows.add_app(scopes=["read", "write"])
    flows.provider.gives_scopes = ["read"]
    flows.connect()
    [connection] = flows.connections()
    assert (connection.state, connection.scopes_asked) == ("degraded", ["read", "write"])
    flows.connect(scopes=["read"])
    [connection] = flows.connections()
    assert (connection.state, connection.scopes_asked) == ("connected", ["read"])


def assert_nothing_shows(flows: FlowsUnderTest, *secrets: str) -> None:
    """Whatever stands in the database in the clear, none of `secrets` is among it."""
    with flows.installation.database.read() as connection:
        text = "".join(str(connection.execute(select(table)).all()) for table in Base.metadata.sorted_tables)
    assert [secret for secret in secrets if secret in text] == []
