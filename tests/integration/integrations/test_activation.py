"""Activating: whatever step fails, nothing is left behind; pausing and resuming."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import select

from gateway.errors import Conflict, IllegalTransition, InvalidInput
from gateway.events.models import Event
from gateway.integrations.lifecycle.management import activate, deactivate, pause, resume
from gateway.integrations.management.changing import change_integration
from gateway.integrations.management.draft import IntegrationChange
from gateway.jobs.models import Job, Schedule
from tests.integration.integrations.conftest import House

HOOK = {"hook": "h1"}


def schedules(house: House) -> list[Schedule]:
    with house.begin(write=False) as acting:
        return list(acting.session.scalars(select(Schedule)))


def jobs(house: House, kind: str) -> list[Job]:
    with house.begin(write=False) as acting:
        return list(acting.session.scalars(select(Job).where(Job.kind == kind).order_by(Job.id)))


def events(house: House) -> list[str | None]:
    with house.begin(write=False) as acting:
        return list(acting.session.scalars(select(Event.type).order_by(Event.id)))


def test_an_active_one_has_been_tested_and_prepared_and_is_synced(house: House) -> None:
    house.add(configuration=HOOK)
    result = activate(house.begin, "lamps")

    assert (result.status, result.message, result.redirect) == ("success", "lamps 3.2 with 0 lamps", None)
    row = house.row()
    assert (row.state, row.prepared, row.reason) == ("active", HOOK, None)
    assert house.system.hooks.keys() == {"h1"}
    [schedule] = schedules(house)
    assert (schedule.name, schedule.every_seconds, schedule.kind) == ("integration.lamps", 900, "integrations.sync")
    [job] = jobs(house, "integrations.sync")
    assert job.payload["trigger"] == "activation"
    assert events(house) == ["gateway.integration.activated"]
    assert "integration.activated" in house.audited()

    asked = len(house.system.asked)
    assert "already" in activate(house.begin, "lamps").message
    assert len(house.system.asked) == asked


@pytest.mark.parametrize(("method", "code"), [("GET", "system_unavailable"), ("POST", "system_unavailable")])
def test_a_step_that_fails_leaves_nothing(house: House, method: str, code: str) -> None:
    house.add(configuration=HOOK)
    house.system.before = lambda asked, _path: 503 if asked == method else None

    result = activate(house.begin, "lamps")

    assert (result.status, result.code, result.details) == ("error", code, {"state": "inactive"})
    row = house.row()
    assert (row.state, row.reason, row.prepared) == ("inactive", code, {})
    assert (house.system.hooks, schedules(house), jobs(house, "integrations.sync"), events(house)) == ({}, [], [], [])
    house.system.before = lambda _method, _path: None
    assert activate(house.begin, "lamps").is_success
    assert house.show().reason is None


def test_a_hook_that_was_made_although_nobody_heard_of_it_is_taken_back(house: House) -> None:
    house.add(configuration=HOOK)

    def made_and_broken(method: str, _path: str) -> int | None:
        if method == "POST":
            house.system.hooks["h1"] = "made"
            return 500
        return None

    house.system.before = made_and_broken
    assert not activate(house.begin, "lamps").is_success

    assert house.system.hooks == {}


def test_what_cannot_be_taken_back_is_kept_on_record_until_it_can(house: House) -> None:
    house.add(configuration=HOOK)
    house.system.before = lambda method, _path: 503 if method in ("POST", "DELETE") else None

    result = activate(house.begin, "lamps")

    assert "could not be taken back" in result.message
    row = house.row()
    assert (row.state, row.reason, row.prepared) == ("failed", "not_taken_back", HOOK)
    house.system.before = lambda _method, _path: None
    taken_down = deactivate(house.begin, "lamps")
    assert taken_down.is_success
    assert (house.row().state, house.row().prepared) == ("inactive", {})


def test_a_wrong_configuration_is_told_before_anything_begins(house: House) -> None:
    house.add()
    with house.begin() as acting:
        from gateway.integrations.rows import require_integration

        require_integration(acting.session, "lamps").configuration = {"depth": 3}

    with pytest.raises(InvalidInput) as raised:
        activate(house.begin, "lamps")

    assert [one.field for one in raised.value.faults] == ["configuration.url"]
    assert (house.show().state, house.system.asked) == ("inactive", [])


def test_two_do_not_activate_one_at_once(house: House) -> None:
    house.add()
    said: list[Any] = []

    def meanwhile(_method: str, _path: str) -> None:
        house.system.before = lambda _method, _path: None
        try:
            activate(house.begin, "lamps")
        except Conflict as error:
            said.append(error)

    house.system.before = meanwhile
    assert activate(house.begin, "lamps").is_success
    assert len(said) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_system_that_hangs_is_given_up_and_stops_nobody_else(house: House) -> None:
    house.add()
    ending = threading.Event()

    def hang(_method: str, _path: str) -> None:
        ending.wait(20)

    house.system.before = hang
    result = activate(house.begin, "lamps")
    house.system.before = lambda _method, _path: None

    assert (result.code, house.show().state) == ("deadline_exceeded", "inactive")
    house.add("others")
    assert activate(house.begin, "others").is_success
    ending.set()


def test_a_paused_one_syncs_no_more_until_it_is_resumed(house: House) -> None:
    house.add()
    with house.begin() as acting, pytest.raises(IllegalTransition):
        pause(acting, "lamps")
    activate(house.begin, "lamps")

    with house.begin() as acting:
        assert pause(acting, "lamps").state == "paused"
        assert pause(acting, "lamps").state == "paused"
    assert schedules(house)[0].is_paused
    assert [one.state for one in jobs(house, "integrations.sync")] == ["cancelled"]

    with house.begin() as acting:
        assert resume(acting, "lamps").state == "active"
    assert not schedules(house)[0].is_paused
    assert [one.state for one in jobs(house, "integrations.sync")] == ["cancelled", "pending"]


def test_the_schedule_follows_what_the_integration_says(house: House) -> None:
    house.add()
    activate(house.begin, "lamps")

    change_integration(house.begin, "lamps", IntegrationChange(schedule="0 3 * * *"))
    [schedule] = schedules(house)
    assert (schedule.cron, schedule.time_zone, schedule.every_seconds) == ("0 3 * * *", "UTC", None)
    change_integration(house.begin, "lamps", IntegrationChange(schedule="never"))
    assert schedules(house) == []
    change_integration(house.begin, "lamps", IntegrationChange(schedule=None))
    assert [one.every_seconds for one in schedules(house)] == [900]
