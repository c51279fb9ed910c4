"""Webhooks by which a provider tells that a grant has ended: the tenant's connections of that account end too."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from gateway.events.system import CONNECTION_REVOKED
from gateway.installation import Installation, installation_of
from gateway.jobs.interruption import Interruption
from gateway.jobs.models import Job, JobState
from gateway.jobs.queue.claim import JobClaimer
from gateway.jobs.queue.held import Held, Outcome, record
from gateway.jobs.run import JobRun
from gateway.oauth import vault
from gateway.oauth.connections.store import create_or_update
from gateway.oauth.ending.kind import ENDED
from gateway.oauth.models import AppCredentials, Connection, Revocation
from gateway.oauth.protocol.values import AccountFacts
from gateway.tenants.audit_trail.models import AuditRow
from gateway.tenants.models import DEFAULT_TENANT
from gateway.webhooks.sources.management import disable_source
from tests.integration.oauth.apps import stored_app
from tests.integration.webhooks.conftest import SECRET, GatewayUnderTest
from tests.services.acting import add_tenant

NOTICE = "github_app_authorization"


def installed(gateway: GatewayUnderTest) -> Installation:
    return installation_of(gateway.app)


def connect(
    gateway: GatewayUnderTest, account: str, *, tenant: str = DEFAULT_TENANT, app: str = "app_1", **given: Any
) -> str:
    """A connection of an account at GitHub, or another `provider`; its id."""
    with gateway.acting(tenant) as acting:
        row = acting.session.get(AppCredentials, app)
        row = row or stored_app(acting, given.get("provider", "github"), id=app, name=app, client_id=f"id-{app}")
        values: dict[str, Any] = {
            "tenant_id": acting.tenant.id,
            "app": row,
            "provider": "github",
            "way": "authorization_code",
            "tokens": None,
            "secrets": {"access_token": f"token-{account}"},
            "account": AccountFacts(id=account, label=f"user {account}", key=account),
            "scopes_asked": [],
            "parameters": {},
            "kept": {},
            "reference": None,
            "reconnect_id": None,
            "now": acting.now,
            **given,
        }
        return create_or_update(acting.session, acting.keyring, installed(gateway), **values)[0].id


def tell(gateway: GatewayUnderTest, account: int, *, key: str = "d-1", slug: str = "github") -> int:
    """What GitHub sends when somebody has withdrawn an app's authorization; how it is answered."""
    body = json.dumps({"action": "revoked", "sender": {"login": "a", "id": account}}).encode()
    return gateway.github(slug, body, key=key, X_GitHub_Event=NOTICE).status_code


def carry_out(gateway: GatewayUnderTest) -> list[Mapping[str, Any] | None]:
    """What a worker does with the jobs that are due."""
    installation, now_us = installed(gateway), gateway.clock.now_us()
    with installation.database.write() as connection:
        found = JobClaimer("here:1").claim(connection, ENDED, 9, now_us=now_us)
    results = [ENDED.run(JobRun(installation, job, Interruption())) for job in found]
    with installation.database.write() as connection:
        record(connection, [Outcome(Held(job.id, job.token), JobState.SUCCEEDED) for job in found], now_us=now_us)
    return results


def jobs(gateway: GatewayUnderTest) -> int:
    with gateway.database.system_session() as session:
        return len(session.scalars(select(Job)).all())


def state(gateway: GatewayUnderTest, connection_id: str) -> tuple[str, str | None, Mapping[str, str]]:
    """Its state, the reason, and its secrets."""
    with gateway.database.system_session() as session:
        [row] = session.scalars(select(Connection).where(Connection.id == connection_id))
        return row.state, row.reason, vault.read(session, installed(gateway).keyring, connection_id)


def ended(gateway: GatewayUnderTest, *ids: str) -> list[str]:
    return [one for one in ids if state(gateway, one)[0] == "revoked"]


def test_the_connections_of_the_account_have_ended_and_no_others(gateway: GatewayUnderTest) -> None:
    add_tenant(gateway.database, gateway.clock, "other")
    gateway.source("github", "github", SECRET)
    mine, again = connect(gateway, "7"), connect(gateway, "7", reference="customer")
    by_key = connect(gateway, "7", app="app_1", way="api_key", reference="key")
    others = [connect(gateway, "8"), connect(gateway, "7", tenant="other", app="app_2"), by_key]
    assert (tell(gateway, 7), jobs(gateway)) == (200, 1)
    assert ended(gateway, mine) == []
    assert carry_out(gateway) == [{"outcome": "ended", "connections": 2}]
    assert (state(gateway, mine), state(gateway, again)) == (("revoked", "ended_at_provider", {}),) * 2
    assert ended(gateway, *others) == []
    assert [state(gateway, one)[2] for one in others] == [{"access_token": f"token-{one}"} for one in ("8", "7", "7")]
    told = [json.loads(event.body) for event in gateway.events() if event.type == CONNECTION_REVOKED]
    assert {one["data"]["connection_id"] for one in told} == {mine, again}
    assert {one["data"]["reason"] for one in told} == {"ended_at_provider"}
    with gateway.database.system_session() as session:
        # It knows already.
        assert session.scalars(select(Revocation)).all() == []
        entries = session.scalars(select(AuditRow).where(AuditRow.action == "connection.revoked")).all()
    assert {(entry.object_id, entry.actor_name) for entry in entries} == {(mine, "notices"), (again, "notices")}
    # Sent again, it is the same event; told anew, there is nothing left to end.
    assert (tell(gateway, 7), jobs(gateway)) == (200, 1)
    assert tell(gateway, 7, key="d-2") == 200
    assert carry_out(gateway) == [{"outcome": "ended", "connections": 0}]
    assert len([event for event in gateway.events() if event.type == CONNECTION_REVOKED]) == 2


def test_who_connects_again_has_another_grant(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    mine = connect(gateway, "7")
    assert tell(gateway, 7) == 200
    gateway.clock.advance(1)
    assert connect(gateway, "7") == mine
    assert carry_out(gateway) == [{"outcome": "ended", "connections": 0}]
    assert ended(gateway, mine) == []


def test_nothing_follows_where_it_could_be_another_app(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    mine, with_another = connect(gateway, "7"), connect(gateway, "7", app="app_2")
    assert tell(gateway, 7) == 200
    assert carry_out(gateway) == [{"outcome": "app_not_told"}]
    assert ended(gateway, mine, with_another) == []


def test_of_two_apps_the_one_that_is_told(gateway: GatewayUnderTest) -> None:
    gateway.source("stripe", "stripe", SECRET)
    mine = connect(gateway, "acct_7", provider="stripe")
    with_another = connect(gateway, "acct_7", provider="stripe", app="app_2")
    now = gateway.clock.now_us() // 1_000_000
    said = {"id": "evt_1", "type": "account.application.deauthorized", "account": "acct_7", "created": now + 1}
    body = json.dumps({**said, "data": {"object": {"id": "id-app_1", "object": "application"}}}).encode()
    gateway.clock.advance(1)
    signed = hmac.new(SECRET.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    answer = gateway.client.post("/webhooks/stripe", data=body, headers={"Stripe-Signature": f"t={now},v1={signed}"})
    assert answer.status_code == 200
    assert carry_out(gateway) == [{"outcome": "ended", "connections": 1}]
    assert ended(gateway, mine, with_another) == [mine]


def test_no_job_of_what_is_no_notice_or_not_authentic(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    gateway.source("off", "github", SECRET)
    with gateway.acting() as acting:
        disable_source(acting, "off")
    body = b'{"sender":{"id":7}}'
    assert gateway.github(body=body).status_code == 200
    assert gateway.github(body=body, key="d-2", secret="guessed", X_GitHub_Event=NOTICE).status_code == 401
    assert tell(gateway, 7, slug="off") == 410
    assert (len(gateway.events()), jobs(gateway)) == (1, 0)
