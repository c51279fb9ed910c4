"""Live streams and webhooks: what they tell is taken in at once, or fetched by one run a moment later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from gateway.clients.errors import ConnectionFailed
from gateway.clock import FakeClock
from gateway.events.append import EventRow, append_events
from gateway.integrations.jobs import NOTICE, STREAM, SYNC
from gateway.integrations.lifecycle.management import activate, pause
from gateway.integrations.type import LiveItem
from gateway.jobs.request import request_job
from gateway.jobs.runner import JobRunner
from gateway.security.identifiers import new_id
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.management import add_source
from tests.integration.integrations.conftest import House
from tests.integration.integrations.test_syncing import healths, jobs
from tests.services.lamp_system import LiveLamps
from tests.services.waiting import until


@pytest.fixture(autouse=True)
def as_new() -> Iterator[None]:
    yield
    while not LiveLamps.told.empty():
        LiveLamps.told.get()
    LiveLamps.broken.clear()
    LiveLamps.opened.clear()


def raw(lamp: str, *, on: bool) -> dict[str, Any]:
    return {"id": lamp, "name": lamp, "on": on}


def drive(runner: JobRunner, condition: Any, *, advancing: FakeClock | None = None) -> None:
    """Let the runner make its passes until `condition` holds; with `advancing` seconds pass meanwhile."""

    def is_there() -> bool:
        runner.step()
        if advancing is not None:
            advancing.advance(1)
        return bool(condition())

    until(is_there, "a stream to come so far", every_seconds=0.01)


def end(*runners: JobRunner) -> None:
    """Have all they hold left, and wait for it."""
    for runner in runners:
        runner.stop()
        drive(runner, lambda runner=runner: runner.is_idle)


def test_what_a_stream_tells_is_there_at_once_until_it_is_paused(house: House) -> None:
    house.system.put(2)
    house.add(type_id="live_lamps")
    activate(house.begin, "lamps")
    house.work(SYNC)
    runner = JobRunner(house.installation, {STREAM.name: STREAM})

    LiveLamps.told.put([LiveItem(resource="lamps", records=[raw("l0", on=True), raw("l9", on=False)])])
    drive(runner, lambda: house.entities() == {"l0": "on", "l1": "off", "l9": "off"})
    LiveLamps.told.put([LiveItem(resource="lamps", deleted=["l9"]), LiveItem(is_gap=True)])
    drive(runner, lambda: "l9" not in house.entities())

    [asked] = [one for one in jobs(house, SYNC.name) if one.state == "pending"]
    assert asked.payload["trigger"] == "stream"
    assert house.events().count("gateway.entity.updated") == 1
    with house.begin() as acting:
        pause(acting, "lamps")
    stopped = lambda: [one.state for one in jobs(house, STREAM.name)] == ["cancelled"]  # noqa: E731
    drive(runner, stopped, advancing=house.clock)
    end(runner)


def test_a_stream_that_breaks_is_opened_again_after_a_pause_that_grows(house: House) -> None:
    house.add(type_id="live_lamps")
    activate(house.begin, "lamps")
    waits = []
    for _ in range(3):
        LiveLamps.broken.append(ConnectionFailed("the lamps went away"))
        [outcome] = house.work(STREAM)
        assert outcome.result is not None
        assert outcome.result["code"] == "connection_failed"
        [next_one] = [one for one in jobs(house, STREAM.name) if one.state == "pending"]
        waits.append((next_one.due_at - house.installation.now()).total_seconds())
        house.clock.advance(waits[-1] + 1)

    assert 1 <= waits[0] <= 2 <= waits[1] <= 4 <= waits[2] <= 8
    assert healths(house)["connectivity"] == "healthy"
    assert len(LiveLamps.opened) == 3


def test_a_defect_of_a_type_is_that_of_its_integration(house: House) -> None:
    house.add(type_id="live_lamps")
    activate(house.begin, "lamps")
    LiveLamps.broken.append(ZeroDivisionError())

    [outcome] = house.work(STREAM)

    assert outcome.result is not None
    assert (outcome.state, outcome.result["code"]) == ("succeeded", "integration_type_broken")


def test_a_stream_is_held_by_one_process_and_taken_over_from_one_that_dies(house: House) -> None:
    house.add(type_id="live_lamps")
    activate(house.begin, "lamps")
    first, second = (JobRunner(house.installation, {STREAM.name: STREAM}) for _ in range(2))
    drive(first, lambda: len(LiveLamps.opened) == 1)
    with house.begin() as acting:
        request_job(acting, STREAM, {"integration": house.show().id})
    drive(second, lambda: True)
    assert len(LiveLamps.opened) == 1

    def passes() -> bool:
        # The first one makes no more passes: as far as others can tell it is dead.
        second.step()
        house.clock.advance(2)
        return len(LiveLamps.opened) == 2

    until(passes, "the second one to take it over", every_seconds=0.01)
    end(second, first)


def test_residents_leave_the_slots_to_others(house: House) -> None:
    house.system.put(1)
    for number in range(3):
        house.add(f"lamps{number}", type_id="live_lamps")
        activate(house.begin, f"lamps{number}")
    runner = JobRunner(house.installation, {STREAM.name: STREAM, SYNC.name: SYNC}, slots=1)

    drive(runner, lambda: len(set(LiveLamps.opened)) == 3)
    drive(runner, lambda: [one.state for one in jobs(house, SYNC.name)] == ["succeeded"] * 3)
    end(runner)


def receive(house: House, source_id: str, document: Any) -> str:
    """An event of a source, with the job that its ingest asks for."""
    event_id = new_id("evt")
    with house.begin() as acting:
        row = EventRow(
            id=event_id,
            tenant_id=acting.tenant.id,
            source_id=source_id,
            source="lamps",
            provider="generic",
            type="changed",
            dedupe_key=None,
            received_at=acting.now_us,
            request_id=None,
            method="POST",
            url="/",
            content_type="application/json",
            body_bytes=1,
            headers=b"[]",
            body=document if isinstance(document, bytes) else orjson.dumps(document),
        )
        append_events(acting.session.connection(), [row])
        request_job(acting, NOTICE, {"event": event_id})
    return event_id


def test_webhooks_that_come_together_are_one_run_that_fetches_just_what_they_name(house: House) -> None:
    house.system.put(100)
    with house.begin() as acting:
        source = add_source(acting, SourceDraft("lamps", "generic", credentials={"secret": "shh-shh-shh"})).source
    house.add(source="lamps")
    activate(house.begin, "lamps")
    house.work(SYNC)
    for lamp in ("l3", "l4"):
        house.system.lamps[lamp]["on"] = True
    house.system.asked.clear()

    receive(house, source.id, {"changed": ["l3", "l4"]})
    receive(house, source.id, {"changed": ["l3"]})
    receive(house, source.id, b"<html>")
    assert [one.result for _ in range(2) for one in house.work(NOTICE)] == [
        {"outcome": "noted", "records": 2},
        {"outcome": "noted", "records": 1},
        {"outcome": "noted", "records": 0},
    ]
    assert house.work(SYNC) == []
    house.clock.advance(3)
    [outcome] = house.work(SYNC)

    assert outcome.result is not None
    assert outcome.result["counts"]["updated"] == 2
    assert sorted(house.system.asked) == ["GET /lamps/l3", "GET /lamps/l4"]
