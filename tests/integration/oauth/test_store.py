"""Connections as grants and refreshes store them: one for an account, whoever comes first, told of once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError

from gateway.clock import FakeClock, to_us
from gateway.config import Settings
from gateway.db.paging import PageRequest
from gateway.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from gateway.events.models import Event
from gateway.installation import Installation
from gateway.oauth import vault
from gateway.oauth.connections.schema import ConnectionSchema
from gateway.oauth.connections.search import ConnectionSearch, find_connections, show_connection
from gateway.oauth.connections.store import AccountMismatch, Change, apply_tokens, change_state, create_or_update
from gateway.oauth.models import AppCredentials, Connection
from gateway.oauth.protocol.values import AccountFacts, SecondTokens, Tokens
from gateway.oauth.states import ConnectionState
from gateway.tenants.acting import Acting, act
from tests.services.acting import TESTER, add_tenant

OCTOCAT = AccountFacts(id="1", label="octocat", key="1")
TOKENS = Tokens(access_token="first", refresh_token="refresh-1", scopes=("repo",))


@pytest.fixture
def installation(settings: Settings, fake_clock: FakeClock) -> Iterator[Installation]:
    with Installation(settings, clock=fake_clock) as made:
        yield made


def grant(acting: Acting, **given: Any) -> tuple[Connection, Change]:
    chosen = select(AppCredentials).where(AppCredentials.name == "app")
    app = given.get("app") or acting.session.scalars(chosen).first()
    if app is None:
        app = AppCredentials(
            id=f"app_{acting.tenant.slug}",
            name="app",
            provider="github",
            client_id="client",
            parameters={},
            created_at=acting.now,
            updated_at=acting.now,
        )
        acting.session.add(app)
        acting.session.flush()
    values: dict[str, Any] = {
        "tenant_id": acting.tenant.id,
        "app": app,
        "provider": "github",
        "way": "authorization_code",
        "tokens": TOKENS,
        "account": OCTOCAT,
        "scopes_asked": ["repo"],
        "parameters": {},
        "kept": {},
        "reference": "customer-1",
        "reconnect_id": None,
        "now": acting.now,
        **given,
    }
    return create_or_update(acting.session, acting.keyring, acting.installation, **values)


def connect(installation: Installation, *, tenant: str = "default", **given: Any) -> tuple[str, Change]:
    with act(installation, actor=TESTER, tenant=tenant, write=True) as acting:
        connection, change = grant(acting, **given)
        return connection.id, change


def told(installation: Installation) -> list[str]:
    with installation.database.system_session() as session:
        events = session.scalars(select(Event).order_by(Event.id)).all()
    return [json.loads(event.body)["type"].removeprefix("gateway.connection.") for event in events]


def secrets(installation: Installation, connection_id: str) -> dict[str, str]:
    with installation.database.system_session() as session:
        return vault.read(session, installation.keyring, connection_id)


def row(installation: Installation, connection_id: str) -> Connection:
    with installation.database.system_session() as session:
        return session.scalars(select(Connection).where(Connection.id == connection_id)).one()


def test_an_account_has_one_connection(installation: Installation, fake_clock: FakeClock) -> None:
    first, change = connect(installation)
    assert change is Change.CREATED
    fake_clock.advance(60)
    later = Tokens(access_token="second", scopes=("repo",))
    assert connect(installation, tokens=later) == (first, Change.UPDATED)
    found = row(installation, first)
    assert (found.version, found.state, found.account_label) == (2, "connected", "octocat")
    # A refresh token that did not come again is the one of before.
    assert secrets(installation, first) == {"access_token": "second", "refresh_token": "refresh-1"}
    assert told(installation) == ["created"]
    others: list[dict[str, Any]] = [
        {"account": AccountFacts(id="2", key="2")},
        {"reference": "customer-2"},
        {"reference": None},
        {"app": None},
        {"account": AccountFacts()},
        {"account": AccountFacts()},
    ]
    assert len({first} | {connect(installation, **other)[0] for other in others}) == 7


def test_two_callbacks_of_one_account_at_once_make_one_connection(installation: Installation) -> None:
    connect(installation, account=AccountFacts(id="0", key="0"))
    start = Barrier(4)

    def callback(number: int) -> tuple[str, Change]:
        start.wait()
        return connect(installation, tokens=Tokens(access_token=f"token-{number}"))

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(callback, range(4)))
    assert len({connection for connection, _ in found}) == 1
    assert sorted(change for _, change in found) == ["created", "updated", "updated", "updated"]
    assert told(installation) == ["created", "created"]
    assert row(installation, found[0][0]).version == 4


def test_scopes_that_were_not_granted_degrade(installation: Installation) -> None:
    made, _ = connect(installation, scopes_asked=["repo", "gist"])
    found = row(installation, made)
    assert (found.state, found.reason, found.detail) == ("degraded", "scopes_missing", "not granted: gist")
    connect(installation, scopes_asked=["repo", "gist"])
    assert told(installation) == ["created", "degraded"]
    whole = Tokens(access_token="second", scopes=("gist", "repo"))
    connect(installation, scopes_asked=["repo", "gist"], tokens=whole)
    assert row(installation, made).state == "connected"
    assert told(installation) == ["created", "degraded", "recovered"]


def test_connecting_anew_keeps_the_connection_and_its_customer(installation: Installation) -> None:
    made, _ = connect(installation)
    with act(installation, actor=TESTER, write=True) as acting:
        connection = acting.session.get_one(Connection, made)
        reason = {"reason": "invalid_grant", "detail": "expired"}
        change_state(acting.session, installation, connection, ConnectionState.NEEDS_REAUTH, **reason, now=acting.now)
    fresh = Tokens(access_token="second")
    assert connect(installation, reconnect_id=made, reference="someone", tokens=fresh) == (made, Change.UPDATED)
    found = row(installation, made)
    assert (found.state, found.reason, found.reference) == ("connected", None, "customer-1")
    # What is left of the broken grant is not tried again.
    assert secrets(installation, made) == {"access_token": "second"}
    assert told(installation) == ["created", "needs_reauth", "recovered"]


def test_connecting_anew_is_refused_for_another_account(installation: Installation, fake_clock: FakeClock) -> None:
    made, _ = connect(installation)
    other, _ = connect(installation, account=AccountFacts(id="2", key="2"))
    nobody, _ = connect(installation, account=AccountFacts())
    for account in (AccountFacts(id="2", key="2"), AccountFacts()):
        with pytest.raises(AccountMismatch):
            connect(installation, reconnect_id=made, account=account)
    with pytest.raises(Conflict, match=f"connected already, as '{other}'"):
        connect(installation, reconnect_id=nobody, account=AccountFacts(id="2", key="2"))
    assert connect(installation, reconnect_id=nobody, account=AccountFacts(id="3", key="3"))[0] == nobody
    with pytest.raises(Conflict, match="other app credentials"):
        connect(installation, reconnect_id=made, app=None)
    add_tenant(installation.database, fake_clock, "rival")
    with pytest.raises(NotFound):
        connect(installation, tenant="rival", reconnect_id=made)
    assert secrets(installation, made)["access_token"] == "first"


def test_one_that_was_revoked_is_over(installation: Installation) -> None:
    made, _ = connect(installation)
    with act(installation, actor=TESTER, write=True) as acting:
        connection = acting.session.get_one(Connection, made)
        why = {"reason": "by_hand", "detail": None}
        for _ in range(2):
            change_state(acting.session, installation, connection, ConnectionState.REVOKED, **why, now=acting.now)
        with pytest.raises(IllegalTransition):
            apply_tokens(acting.session, acting.keyring, installation, connection, TOKENS, now=acting.now)
    assert (row(installation, made).revoked_at, row(installation, made).refresh_at) == (acting.now, None)
    with pytest.raises(Conflict, match="was revoked"):
        connect(installation, reconnect_id=made)
    again, change = connect(installation)
    assert (again != made, change) == (True, Change.CREATED)
    assert told(installation) == ["created", "revoked", "created"]


def test_a_refresh_keeps_what_did_not_come(installation: Installation, fake_clock: FakeClock) -> None:
    first = Tokens(
        access_token="first",
        refresh_token="refresh-1",
        scopes=("repo",),
        kept={"site": "eu"},
        secret_kept={"proof": "sealed"},
        second=SecondTokens(access_token="user-token"),
    )
    made, _ = connect(installation, tokens=first)
    fake_clock.advance(100)
    with act(installation, actor=TESTER, write=True) as acting:
        connection = acting.session.get_one(Connection, made)
        connection.failures, connection.intent_at = 3, acting.now
        end = acting.now + timedelta(hours=1)
        tokens = Tokens(access_token="second", expires_at_us=to_us(end))
        apply_tokens(acting.session, acting.keyring, installation, connection, tokens, now=acting.now)
    found = row(installation, made)
    assert (found.version, found.failures, found.intent_at, found.access_expires_at) == (2, 0, None, end)
    assert (found.refreshed_at, found.scopes_granted, found.kept) == (acting.now, ["repo"], {"site": "eu"})
    assert found.refresh_at is not None
    assert timedelta(minutes=45) <= found.refresh_at - acting.now <= timedelta(minutes=51)
    assert secrets(installation, made) == {
        "access_token": "second",
        "refresh_token": "refresh-1",
        "second_access_token": "user-token",
        "kept.proof": "sealed",
    }
    assert told(installation) == ["created"]


def test_they_are_found_and_shown_without_a_secret(installation: Installation, fake_clock: FakeClock) -> None:
    add_tenant(installation.database, fake_clock, "rival")
    connect(installation, tenant="rival")
    first, _ = connect(installation)
    second, _ = connect(installation, app=None, provider="slack", reference=None, scopes_asked=["chat", "repo"])
    with act(installation, actor=TESTER) as acting:

        def ids(**search: Any) -> list[str]:
            return [one.id for one in find_connections(acting, PageRequest(), ConnectionSearch(**search)).rows]

        assert ids() == [second, first]
        assert ids(provider="github") == ids(reference="customer-1") == ids(app_credentials="app") == [first]
        assert ids(app_credentials="app_default") == ids(state=ConnectionState.CONNECTED) == [first]
        assert ids(state=ConnectionState.DEGRADED) == [second]
        with pytest.raises(InvalidInput, match="there are no app credentials 'app_rival'"):
            ids(app_credentials="app_rival")
        page = find_connections(acting, PageRequest(1))
        following = find_connections(acting, PageRequest(1, page.next_cursor))
        assert [page.rows[0].id, following.rows[0].id, following.next_cursor] == [second, first, None]
        shown = ConnectionSchema().dump(show_connection(acting, first))
        with pytest.raises(NotFound):
            show_connection(acting, "conn_unknown")
    assert (shown["app_credentials"], shown["account"]) == ("app", {"id": "1", "label": "octocat"})
    assert "first" not in str(shown)
    assert "refresh-1" not in str(shown)


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_app_credentials_are_not_removed_while_a_connection_by_them_is_stored(installation: Installation) -> None:
    with act(installation, actor=TESTER, write=True) as acting:
        grant(acting)
    remove = select(AppCredentials.id).with_for_update(nowait=True)
    with act(installation, actor=TESTER, write=True) as acting:
        grant(acting, account=AccountFacts(id="2", key="2"))
        with installation.database.system_session(write=True) as other, pytest.raises(OperationalError, match="lock"):
            other.execute(remove)
    with installation.database.system_session(write=True) as other:
        assert len(other.execute(remove).all()) == 1


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_no_connection_is_stored_by_app_credentials_that_were_just_removed(installation: Installation) -> None:
    with act(installation, actor=TESTER, write=True) as acting:
        grant(acting)
    with act(installation, actor=TESTER, write=True) as acting:
        app = acting.session.scalars(select(AppCredentials)).one()
        with installation.database.system_session(write=True) as other:
            other.execute(delete(AppCredentials))
        with pytest.raises(InvalidInput, match="removed"):
            grant(acting, app=app, account=AccountFacts(id="2", key="2"))
