"""Connections that are ended: here at once, at the provider as soon as it can be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.errors import NotFound
from gateway.installation import Installation
from gateway.jobs.interruption import Interruption
from gateway.jobs.models import Job, JobState
from gateway.jobs.queue.claim import JobClaimer
from gateway.jobs.queue.held import Held, Outcome, record
from gateway.jobs.run import JobRun
from gateway.oauth import vault
from gateway.oauth.connections.summary import ConnectionSummary
from gateway.oauth.ending.erasing import revoke_all
from gateway.oauth.ending.kind import RETRY_SECONDS, REVOKE
from gateway.oauth.ending.revoking import GIVEN_UP_AFTER, revoke
from gateway.oauth.models import Revocation, VaultEntry
from gateway.oauth.protocol.errors import ProviderUnavailable
from gateway.oauth.refreshing.errors import ConnectionRevoked
from gateway.tenant_data.erasing import erase_tenant
from gateway.tenants.acting import act, act_for_system
from gateway.tenants.audit_trail.models import AuditRow
from tests.integration.oauth.refreshing.conftest import World
from tests.services.acting import TESTER, add_tenant
from tests.services.oauth_entries import write_entries
from tests.services.oauth_provider import REVOKE as REVOKE_PATH
from tests.services.oauth_provider import OAuthProvider

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world(settings: Settings, tmp_path: Path, fake_clock: FakeClock, oauth_server: OAuthProvider) -> Iterator[World]:
    oauth_server.clock = fake_clock
    write_entries(tmp_path / "providers", oauth_server)
    with Installation(replace(settings, providers_dir=tmp_path / "providers"), clock=fake_clock) as installation:
        yield World(installation, oauth_server, fake_clock)


def end(world: World, connection_id: str, **options: Any) -> ConnectionSummary:
    with act(world.installation, actor=TESTER, write=True) as acting:
        return revoke(acting, connection_id, **options)


def carry_out(world: World) -> Mapping[str, Any] | None:
    """What a worker does with the job that is due, if there is one."""
    installation = world.installation
    with installation.database.write() as connection:
        found = JobClaimer("here:1").claim(connection, REVOKE, 1, now_us=world.clock.now_us())
    if not found:
        return None
    [job] = found
    try:
        return REVOKE.run(JobRun(installation, job, Interruption()))
    finally:
        with installation.database.write() as connection:
            record(connection, [Outcome(Held(job.id, job.token), JobState.SUCCEEDED)], now_us=world.clock.now_us())


def entries(world: World) -> list[tuple[str, str]]:
    """Whose secrets there are, but for the app's."""
    with world.installation.database.system_session() as session:
        rows = session.execute(select(VaultEntry.owner_id, VaultEntry.field).order_by(VaultEntry.field))
        return [(owner.partition("_")[0], field) for owner, field in rows if owner != "app_1"]


def test_its_secrets_are_gone_at_once_and_the_provider_is_told_by_a_job(world: World) -> None:
    found = world.connect()
    shown = world.secrets(found)
    ended = end(world, found)
    assert (ended.state, ended.reason, ended.revoked_at) == ("revoked", "by_hand", world.installation.now())
    assert world.secrets(found) == {}
    assert entries(world) == [("rvc", "access_token"), ("rvc", "client_secret"), ("rvc", "refresh_token")]
    assert (world.provider.heard, world.told()) == ([], ["revoked"])
    with pytest.raises(ConnectionRevoked):
        world.flight().token(found)
    assert carry_out(world) == {"outcome": "revoked"}
    first = world.provider.at(REVOKE_PATH)[0].form
    assert (first["token"], first["token_type_hint"]) == (shown["refresh_token"], "refresh_token")
    assert entries(world) == []
    # Once more changes nothing.
    assert end(world, found) == replace(ended, updated_at=world.row(found).updated_at)
    assert (carry_out(world), world.told()) == (None, ["revoked"])


def test_what_is_written_of_it_has_no_secret(world: World) -> None:
    found = world.connect()
    secrets = world.secrets(found).values()
    end(world, found)
    with world.installation.database.system_session() as session:
        [entry] = session.scalars(select(AuditRow).where(AuditRow.action == "connection.revoked"))
        [job] = session.scalars(select(Job).where(Job.kind == REVOKE.name))
        written = f"{entry.before} {entry.after} {job.payload}"
    assert entry.object_id == found
    assert not [secret for secret in secrets if secret in written]


def test_here_alone_where_somebody_wants_that(world: World) -> None:
    found = world.connect()
    end(world, found, local=True)
    assert (entries(world), carry_out(world), world.provider.heard) == ([], None, [])


def test_a_key_is_nothing_that_a_provider_is_told_of(world: World) -> None:
    found = world.connect(way="api_key", tokens=None, secrets={"key": "k"}, app=None)
    end(world, found)
    assert (entries(world), carry_out(world)) == ([], None)


def test_a_provider_that_is_away_is_told_later_and_given_up_after_a_week(world: World) -> None:
    assert sum(RETRY_SECONDS) >= GIVEN_UP_AFTER.total_seconds()
    found = world.connect()
    end(world, found)
    world.provider.fail(503)
    with pytest.raises(ProviderUnavailable):
        carry_out(world)
    assert len(entries(world)) == 3
    with world.installation.database.system_session(write=True) as session:
        [job] = session.scalars(select(Job).where(Job.kind == REVOKE.name))
        job.state, job.finished_at = JobState.PENDING, None
    world.clock.advance(timedelta(days=7).total_seconds())
    assert carry_out(world) == {"outcome": "given_up"}
    assert (entries(world), world.row(found).reason) == ([], "revoked_here_alone")


def test_who_is_refreshing_leaves_the_newest_tokens_to_be_ended(world: World) -> None:
    found = world.connect()
    world.expire()
    with ThreadPoolExecutor(1) as pool, world.provider.held(answers=True) as held:
        asked = pool.submit(world.flight().token, found)
        held.await_arrival()
        end(world, found)
        assert carry_out(world) is None
        held.release()
        with pytest.raises(ConnectionRevoked):
            asked.result(30)
    newest = list(world.provider.refresh_tokens)[-1]
    with world.installation.database.system_session() as session:
        [row] = session.scalars(select(Revocation))
        assert vault.read(session, world.installation.keyring, row.id)["refresh_token"] == newest
    world.clock.advance(31)
    assert carry_out(world) == {"outcome": "revoked"}
    assert world.provider.refresh_tokens[newest].is_over
    assert world.row(found).state == "revoked"


def test_another_tenant_ends_nothing(world: World) -> None:
    add_tenant(world.installation.database, world.clock, "rival")
    found = world.connect()
    with pytest.raises(NotFound), act(world.installation, actor=TESTER, tenant="rival", write=True) as acting:
        revoke(acting, found)
    assert world.row(found).state == "connected"


def test_all_of_a_tenant_at_its_erasing(world: World) -> None:
    ended, live, local = (world.connect(reference=name) for name in "abc")
    tokens = [world.secrets(one)["refresh_token"] for one in (ended, live, local)]
    end(world, ended)
    end(world, local, local=True)
    assert revoke_all(world.installation, "ten_default", checkpoint=lambda: None) == (2, 0)
    assert [world.provider.refresh_tokens[token].is_over for token in tokens] == [True, True, False]
    world.provider.fail(503)
    assert revoke_all(world.installation, "ten_default", checkpoint=lambda: None) == (0, 2)


def test_erasing_a_tenant_ends_its_grants_before_they_are_gone(world: World) -> None:
    found = world.connect()
    token = world.secrets(found)["refresh_token"]
    begin = partial(act_for_system, world.installation, actor=TESTER, write=True)
    before = partial(revoke_all, world.installation, checkpoint=lambda: None)
    *_, gone = erase_tenant(begin, "default", pause=world.clock.advance, before=before)
    assert (gone["connections"], world.provider.refresh_tokens[token].is_over) == (1, True)
