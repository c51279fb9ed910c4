"""Refreshing ahead: what is due, fairly, and what is told and forgotten beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.db.model import SYSTEM
from gateway.events.models import Event
from gateway.jobs.here import carry_out_here
from gateway.jobs.models import Job
from gateway.jobs.request import Holder, request_job
from gateway.jobs.summary import JobSummary
from gateway.oauth.models import Connection, ConnectSession, Flow
from gateway.oauth.refreshing.ahead import SILENT_AFTER, THREADS
from gateway.oauth.refreshing.due import find_due
from gateway.oauth.refreshing.kind import REFRESH
from gateway.tenants.acting import act_for_system
from tests.integration.oauth.refreshing.conftest import World
from tests.services.acting import TESTER

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def run(world: World) -> Mapping[str, Any]:
    """What the schedule has done every half minute."""

    def ask(holder: Holder) -> JobSummary:
        with act_for_system(world.installation, actor=TESTER, write=True) as acting:
            return request_job(acting, REFRESH, {}, holder=holder)

    result = carry_out_here(world.installation, REFRESH, ask, actor=TESTER, on_progress=lambda *_: None)
    assert result is not None
    return {name: count for name, count in result.items() if count}


def count(world: World, column: Any) -> int:
    with world.installation.database.system_session() as session:
        return session.scalar(select(func.count(column))) or 0


def test_what_is_due_is_renewed_before_its_end_and_nothing_else(world: World) -> None:
    made = [world.connect(reference=str(number)) for number in range(20)]
    assert run(world) == {}
    world.clock.advance(3600 * 0.86)
    assert run(world) == {"refreshed": 20}
    assert world.refreshes() == 20
    rows = [world.row(one) for one in made]
    assert {row.version for row in rows} == {2}
    # Each a little earlier or later.
    assert len({row.refresh_at for row in rows}) > 10
    assert run(world) == {}


def test_a_provider_that_is_silent_is_left_alone_for_the_rest_of_the_run(world: World) -> None:
    for number in range(THREADS + SILENT_AFTER + 20):
        world.connect(reference=str(number))
    world.clock.advance(3600 * 0.86)
    world.provider.fail(0)
    result = run(world)
    asked = len(world.provider.heard)
    assert SILENT_AFTER <= asked <= SILENT_AFTER + THREADS
    assert result == {"provider_unavailable": asked, "postponed": THREADS + SILENT_AFTER + 20 - asked}
    world.provider.fail(None)
    world.clock.advance(130)
    assert run(world) == {"refreshed": THREADS + SILENT_AFTER + 20}


def test_one_that_cannot_be_begun_holds_up_no_other(world: World) -> None:
    broken, sound = world.connect(reference="a"), world.connect(reference="b")
    world.change(broken, provider="gone", app_credentials_id="app_gone")
    world.clock.advance(3600 * 0.86)
    assert run(world) == {"not_found": 1, "refreshed": 1, "postponed": 1}
    assert world.row(sound).version == 2
    assert run(world) == {}


def test_what_a_dead_process_has_left_is_taken_up(world: World) -> None:
    found = world.connect()
    world.expire()
    now_us = world.clock.now_us()
    lease = {"lease_token": "lse_dead", "lease_expires_at": now_us + 30_000_000, "intent_at": now_us}
    world.change(found, refresh_at=now_us + 30_000_000, **lease)
    assert run(world) == {}
    world.clock.advance(31)
    assert run(world) == {"refreshed": 1}
    assert (world.row(found).state, world.row(found).intent_at) == ("connected", None)


def test_a_grant_that_nothing_renews_ends_and_is_told_of_before(world: World) -> None:
    world.provider.gives_refresh_tokens = False
    world.provider.token_seconds = 30 * 86_400
    found = world.connect()
    world.clock.advance(22 * 86_400)
    assert run(world) == {}
    world.clock.advance(86_400 + 1)
    assert run(world) == {"warned": 1}
    assert run(world) == {}
    with world.installation.database.system_session() as session:
        [event] = session.scalars(select(Event).where(Event.type == "gateway.connection.expiring"))
    row = world.row(found)
    assert row.refresh_expires_at == row.connected_at + timedelta(days=30)
    assert json.loads(event.body)["data"]["expires_at"] == "2026-01-31T00:00:00.000Z"
    world.clock.advance(7 * 86_400)
    assert run(world) == {"connection_needs_reauth": 1}
    assert (world.row(found).state, world.row(found).reason) == ("needs_reauth", "expired")
    assert world.told() == ["expiring", "needs_reauth"]


def test_an_end_that_every_refresh_moves_is_none_to_tell_of(world: World) -> None:
    found = world.connect()
    ends = world.clock.now_us() + 86_400_000_000
    world.change(found, refresh_expires_at=ends, warned_at=world.clock.now_us())
    assert run(world) == {}


def test_what_nobody_came_back_for_is_dropped_when_its_flow_ends(world: World) -> None:
    now = world.installation.now()
    flow = {
        "tenant_id": "ten_default",
        "session_id": "cs_1",
        "app_credentials_id": "app",
        "provider": "plain-provider",
        "kind": "choice",
        "browser_digest": b"b",
        "scopes": [],
        "parameters": {},
        "created_at": now,
        "expires_at": now + timedelta(minutes=10),
    }
    with world.installation.database.system_session(write=True) as session:
        session.add_all(Flow(id=f"flow_{n}", state_digest=bytes([n]), sealed=b"tokens", **flow) for n in range(2))

    def kept() -> list[bytes | None]:
        with world.installation.database.system_session() as session:
            return list(session.scalars(select(Flow.sealed).order_by(Flow.id)))

    world.clock.advance(9 * 60)
    run(world)
    assert kept() == [b"tokens", b"tokens"]
    world.clock.advance(2 * 60)
    run(world)
    # What became of it stays on record.
    assert kept() == [None, None]


def test_what_has_ended_long_ago_is_forgotten(world: World) -> None:
    found = world.connect()
    now = world.installation.now()
    with world.installation.database.system_session(write=True) as session:
        session.add(
            ConnectSession(
                id="cse_1",
                tenant_id="ten_default",
                parameters={},
                theme={},
                is_embedded=False,
                token_digest=b"1",
                asker_kind="system",
                asker_name="test",
                created_at=now,
                expires_at=now + timedelta(minutes=10),
            )
        )
    world.change(found, state="revoked", revoked_at=world.clock.now_us(), refresh_at=None)
    for _ in range(3):
        run(world)
    assert (count(world, ConnectSession.id), count(world, Connection.id), count(world, Job.id)) == (1, 1, 3)
    world.clock.advance(8 * 86_400)
    run(world)
    assert (count(world, ConnectSession.id), count(world, Connection.id)) == (0, 1)
    world.clock.advance(23 * 86_400)
    run(world)
    assert count(world, Connection.id) == 0


def test_its_own_jobs_that_went_well_go_after_an_hour(world: World) -> None:
    for _ in range(3):
        run(world)
    with world.installation.database.system_session(write=True) as session:
        for number, job in enumerate(session.scalars(select(Job).where(Job.tenant_id == SYSTEM)).all()):
            # Ids carry the machine's time: as if they had been made at another one.
            job.id = f"job_0{number}"
    run(world)
    assert count(world, Job.id) == 1


def test_the_look_for_what_is_due_reads_no_more_than_that(world: World) -> None:
    world.connect()
    with world.installation.database.system_session() as session:
        plan = []
        connection = session.connection()
        statement = "EXPLAIN QUERY PLAN SELECT id FROM connections WHERE refresh_at IS NOT NULL AND refresh_at <= 1"
        plan = [row[3] for row in connection.exec_driver_sql(f"{statement} ORDER BY refresh_at LIMIT 5")]
        assert find_due(session, world.installation.now()) == []
    assert plan == ["SEARCH connections USING INDEX ix_connections_refresh_at (refresh_at>? AND refresh_at<?)"]
