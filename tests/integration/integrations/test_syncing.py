"""What runs while an integration is active: syncs, their schedules, health, and what finds what was lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import select

from gateway.entities.states import RunMode
from gateway.integrations.asking import ask_for_sync
from gateway.integrations.health.summary import show_health
from gateway.integrations.jobs import ACTIVATE, HEALTH, NOTICE, STREAM, SYNC, UPKEEP
from gateway.integrations.lifecycle.management import activate, deactivate, pause
from gateway.integrations.models import Integration
from gateway.integrations.requesting import request_sync
from gateway.integrations.rows import require_integration
from gateway.integrations.states import IntegrationState
from gateway.jobs.models import Job
from gateway.jobs.request import request_job
from gateway.tenants.acting import act_for_system
from tests.integration.integrations.conftest import House
from tests.services.acting import TESTER
from tests.services.waiting import until


def healths(house: House, name: str = "lamps") -> dict[str, str]:
    with house.begin(write=False) as acting:
        return {one.name: one.health for one in show_health(acting, name).checks}


def ask(house: House, name: str = "lamps", **values: Any) -> None:
    with house.begin() as acting:
        ask_for_sync(acting, name, **values)


def scheduled(house: House, name: str = "lamps") -> Any:
    with house.begin() as acting:
        request_sync(acting, require_integration(acting.session, name), trigger="schedule")
    [outcome] = house.work(SYNC)
    return outcome.result


def jobs(house: House, kind: str) -> list[Job]:
    with house.begin(write=False) as acting:
        return list(acting.session.scalars(select(Job).where(Job.kind == kind).order_by(Job.id)))


def test_the_lamps_come_with_the_first_sync(house: House) -> None:
    house.system.put(120)
    house.add()
    activate(house.begin, "lamps")

    [outcome] = house.work(SYNC)

    assert outcome.result is not None
    assert (outcome.result["status"], outcome.result["counts"]["created"]) == ("success", 120)
    assert len(house.entities()) == 120
    assert (house.show().health, house.show().data_at) == ("healthy", house.installation.now())
    assert "gateway.sync.completed" in house.events()
    assert set(healths(house)) >= {"connectivity", "authentication", "last_run", "error_rate", "staleness"}


def test_a_plan_changes_nothing(house: House) -> None:
    house.system.put(3)
    house.add()
    ask(house, is_plan=True)

    [outcome] = house.work(SYNC)

    assert outcome.result is not None
    assert (outcome.result["is_plan"], outcome.result["counts"]["created"]) == (True, 3)
    assert (house.entities(), house.show().health) == ({}, "unknown")


def test_who_asks_again_joins_what_waits_and_it_reads_as_much_as_either(house: House) -> None:
    house.add()
    activate(house.begin, "lamps")
    ask(house)
    ask(house, full=True)
    with house.begin() as acting:
        request_sync(acting, require_integration(acting.session, "lamps"), mode=RunMode.CHANGES)

    [job] = jobs(house, "integrations.sync")
    assert job.payload["mode"] == "full"


def test_a_paused_one_is_not_synced(house: House) -> None:
    house.add()
    activate(house.begin, "lamps")
    with house.begin() as acting:
        request_sync(acting, require_integration(acting.session, "lamps"))
        require_integration(acting.session, "lamps").state = IntegrationState.PAUSED

    [outcome] = house.work(SYNC)
    assert outcome.result is not None
    assert (outcome.result["status"], outcome.result["code"]) == ("error", "conflict")


def test_an_integration_falls_ill_and_recovers_and_its_schedule_waits_meanwhile(house: House) -> None:
    house.add()
    activate(house.begin, "lamps")
    house.work(SYNC)
    house.system.before = lambda _method, _path: 401

    assert scheduled(house)["code"] == "authentication_failed"
    assert (house.show().health, healths(house)["authentication"]) == ("unhealthy", "unhealthy")
    assert scheduled(house)["code"] == "authentication_failed"
    waiting = scheduled(house)
    assert "waits until" in waiting["message"]
    house.system.before = lambda _method, _path: None
    house.clock.advance(1900)
    assert scheduled(house)["status"] == "success"
    assert house.show().health == "unhealthy"
    assert scheduled(house)["status"] == "success"

    assert healths(house)["authentication"] == "healthy"
    told = [one for one in house.events() if one in ("gateway.integration.unhealthy", "gateway.integration.recovered")]
    assert told[0] == "gateway.integration.unhealthy"
    assert told.count("gateway.integration.unhealthy") == 1


def test_one_that_is_ill_touches_no_other(house: House) -> None:
    house.system.put(2)
    house.add()
    house.add("broken", secrets={"token": "wrong"})
    house.add("cut")
    for name in ("lamps", "cut"):
        activate(house.begin, name)
    assert not activate(house.begin, "broken").is_success
    with house.begin() as acting:
        require_integration(acting.session, "cut").type = "gone"

    outcomes = house.work(SYNC)

    assert sorted(one.state for one in outcomes) == ["succeeded", "succeeded"]
    assert len(house.entities()) == 2
    assert house.show("cut").broken is not None


def test_the_upkeep_looks_at_health_and_frees_what_is_stuck(house: House) -> None:
    house.add(configuration={"hook": "h1"})
    house.add("stuck", configuration={"hook": "h2"})
    activate(house.begin, "lamps")
    house.system.hooks["h2"] = "made"
    with house.begin() as acting:
        row = require_integration(acting.session, "stuck")
        row.state, row.prepared = IntegrationState.ACTIVATING, {"hook": "h2"}
    house.clock.advance(301)
    with act_for_system(house.installation, actor=TESTER, write=True) as system:
        request_job(system, UPKEEP, {})

    house.work(UPKEEP)
    house.work(HEALTH, ACTIVATE)

    assert (house.show("stuck").state, house.show("stuck").reason) == ("inactive", "activation_cancelled")
    assert house.system.hooks.keys() == {"h1"}
    with house.begin(write=False) as acting:
        assert show_health(acting, "lamps").checked_at == house.installation.now()


def test_what_one_look_says_is_confirmed_by_the_next_upkeep(house: House) -> None:
    house.add()
    activate(house.begin, "lamps")
    house.work(SYNC, HEALTH)
    house.system.before = lambda _method, _path: 503

    def upkeep(seconds: float) -> str:
        house.clock.advance(seconds)
        with act_for_system(house.installation, actor=TESTER, write=True) as system:
            request_job(system, UPKEEP, {})
        house.work(UPKEEP)
        house.work(HEALTH)
        return house.show().health

    assert upkeep(301) == "healthy"
    assert upkeep(30) == "unhealthy"


@pytest.mark.parametrize("mode", ["pause", "deactivate"])
def test_what_runs_is_stopped_with_it(house: House, mode: str) -> None:
    house.add(type_id="live_lamps")
    activate(house.begin, "lamps")
    assert [one.state for one in jobs(house, STREAM.name)] == ["pending"]

    if mode == "pause":
        with house.begin() as acting:
            pause(acting, "lamps")
    else:
        deactivate(house.begin, "lamps")

    assert {one.state for kind in (STREAM, SYNC) for one in jobs(house, kind.name)} == {"cancelled"}
    assert house.work(NOTICE) == []
    with house.begin(write=False) as acting:
        states = acting.session.scalars(select(Integration.state)).all()
    assert states == ["paused" if mode == "pause" else "inactive"]


def test_what_was_asked_leaves_no_thread_behind(house: House) -> None:
    # Other tests of this process may have left some.
    before = set(threading.enumerate())
    house.add()
    activate(house.begin, "lamps")

    def watching() -> int:
        return sum(one.name == "exchanges" for one in set(threading.enumerate()) - before)

    until(lambda: watching() == 0, "the threads of what was asked to end")
    for _ in range(5):
        with house.begin() as acting:
            request_job(acting, HEALTH, {"integration": require_integration(acting.session, "lamps").id})
        house.work(HEALTH)
    until(lambda: watching() == 0, "the threads of five looks to end")
