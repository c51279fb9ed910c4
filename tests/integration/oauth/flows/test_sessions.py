"""Connect sessions: made for one tenant, its app credentials and its customer; shown without what opens them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from gateway.clock import FakeClock
from gateway.errors import Conflict, InvalidInput, NotFound
from gateway.oauth.flows.one_time import digest
from gateway.oauth.flows.sessions.states import SessionState
from gateway.oauth.models import AppCredentials, Connection
from gateway.tenants.acting import act
from gateway.tenants.audit_trail.models import AuditRow
from tests.integration.oauth.flows.conftest import RETURN_TO, SQLITE, FlowsUnderTest
from tests.services.acting import TESTER, add_tenant

pytestmark = SQLITE


def test_its_url_is_shown_once_and_kept_as_a_digest(flows: FlowsUnderTest) -> None:
    flows.add_app()
    flows.allow_return()
    session_id, link = flows.session(scopes=["read"], return_to=RETURN_TO, reference="customer-42")
    path, _, token = link.partition("?session=")
    assert (path, len(token)) == ("/oauth/plain-provider/login", 43)
    [row] = flows.sessions()
    assert row.token_digest == digest(token)
    assert (row.expires_at - row.created_at).total_seconds() == 600
    shown = flows.shown(session_id)
    assert (shown.state, shown.app_credentials, shown.provider) == (SessionState.PENDING, "app", "plain-provider")
    assert (shown.reference, shown.return_to, shown.asker_name) == ("customer-42", RETURN_TO, "tester")
    with flows.installation.database.system_session() as session:
        [entry] = session.scalars(select(AuditRow).where(AuditRow.action == "connect_session.made"))
    assert token not in str(vars(entry)) + str(vars(row))
    flows.clock.advance(601)
    assert flows.shown(session_id).state is SessionState.EXPIRED


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        ({"return_to": "https://evil.example.com/"}, "return_to"),
        ({"return_to": ""}, "return_to"),
        ({"scopes": ["a b"]}, "scopes[0]"),
        ({"scopes": ["a", ""]}, "scopes[1]"),
        ({"scopes": ["x"] * 201}, "scopes"),
        ({"reference": "a\nb"}, "reference"),
        ({"reference": ""}, "reference"),
        ({"reference": "x" * 256}, "reference"),
        ({"parameters": {"colour": "red"}}, "parameters.colour"),
        ({"parameters": {"base": "https://evil.example.com"}}, "parameters.base"),
        ({"app": None, "scopes": ["read"], "reference": "customer-42"}, "scopes"),
        ({"app": None}, "reference"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(flows: FlowsUnderTest, draft: dict[str, Any], field: str) -> None:
    flows.add_app()
    flows.allow_return()
    with pytest.raises(InvalidInput) as refused:
        flows.link(**draft)
    assert [fault.field for fault in refused.value.faults] == [field]
    assert flows.sessions() == []


def test_what_is_another_tenants_is_not_there(flows: FlowsUnderTest, fake_clock: FakeClock) -> None:
    add_tenant(flows.installation.database, fake_clock, "rival")
    app_id = flows.add_app(name="theirs", tenant="rival")
    with pytest.raises(NotFound):
        flows.link("theirs")
    with pytest.raises(NotFound):
        flows.link(app_id)
    connection_id = add_connection(flows, app_id, tenant="rival")
    flows.add_app()
    with pytest.raises(NotFound):
        flows.link("app", reconnect=connection_id)
    session_id, _ = flows.session("theirs", tenant="rival")
    with pytest.raises(NotFound):
        flows.shown(session_id)


def test_what_is_connected_anew_keeps_what_it_was_connected_with(flows: FlowsUnderTest) -> None:
    app_id = flows.add_app()
    flows.add_app("other")
    connection_id = add_connection(flows, app_id, reference="customer-42", scopes_asked=["read", "write"])
    session_id, _ = flows.session(None, reconnect=connection_id, reference="somebody-else")
    shown = flows.shown(session_id)
    assert (shown.app_credentials, shown.reference, shown.scopes) == ("app", "customer-42", ["read", "write"])
    with pytest.raises(InvalidInput, match="other app credentials"):
        flows.link("other", reconnect=connection_id)


@pytest.mark.parametrize("values", [{"state": "revoked"}, {"app_credentials_id": None}])
def test_what_has_ended_or_needs_no_browser_is_not_connected_anew(
    flows: FlowsUnderTest, values: dict[str, Any]
) -> None:
    app_id = flows.add_app()
    connection_id = add_connection(flows, app_id, **values)
    with pytest.raises(InvalidInput):
        flows.link(None, reconnect=connection_id)


def test_app_credentials_that_are_disabled_connect_nobody(flows: FlowsUnderTest) -> None:
    flows.add_app()
    with act(flows.installation, actor=TESTER, write=True) as acting:
        acting.session.scalars(select(AppCredentials)).one().disabled_at = acting.now
    with pytest.raises(Conflict, match="disabled"):
        flows.link()


def add_connection(flows: FlowsUnderTest, app_id: str, *, tenant: str = "default", **values: Any) -> str:
    """A connection as a flow leaves it; its id."""
    with act(flows.installation, actor=TESTER, tenant=tenant, write=True) as acting:
        row = {
            "id": "conn_1",
            "provider": "plain-provider",
            "app_credentials_id": app_id,
            "way": "authorization_code",
            "state": "connected",
            "scopes_asked": [],
            "parameters": {},
            "kept": {},
            "scheduled_at": acting.now,
            "connected_at": acting.now,
            "created_at": acting.now,
            "updated_at": acting.now,
            **values,
        }
        acting.session.add(Connection(**row))
    return "conn_1"
