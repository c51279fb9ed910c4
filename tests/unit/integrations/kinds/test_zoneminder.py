"""ZoneMinder's lists as entities, over what a server of 1.36.33 answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from gateway.clients.errors import RequestRefused
from gateway.clients.systems.zoneminder import ZoneMinder
from gateway.clock import FakeClock
from gateway.entities.external import Outgoing
from gateway.integrations.kinds.zoneminder.kind import ZoneMinderType
from gateway.integrations.kinds.zoneminder.resources import Monitors, RecordedEvents, RunStates

API = "https://cameras.lan/zm/api"
RECORDED = json.loads(Path("tests/fixtures/systems/zoneminder-1.36.33.json").read_text(encoding="utf-8"))


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def cameras() -> ZoneMinder:
    return ZoneMinder(API, session=requests.Session(), clock=FakeClock(), time_zone=UTC)


def answers(network: responses.RequestsMock, path: str, name: str, method: str = "GET") -> None:
    recorded = RECORDED[name]
    network.add(method, f"{API}/{path}", json=recorded["body"], status=recorded["status"])


def outgoing(kind: str, integration_id: str, **fields: Any) -> Outgoing:
    attributes = {"function": "Modect", **fields}
    return Outgoing(
        kind=kind,
        integration_id=integration_id,
        name=None,
        fields=fields,
        attributes=attributes,
        version=None,
        idempotency_key="k",
    )


def test_monitors_have_their_alarm_and_no_credentials(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    answers(network, "monitors.json", "monitors")
    answers(network, "monitors/alarm/id:1/command:status.json", "alarm, idle")
    answers(network, "monitors/alarm/id:2/command:status.json", "alarm, nothing captures")
    monitors = Monitors(cameras, with_alarms=True)
    (page,) = monitors.pages(None, None)
    yard, other = map(monitors.map, page.records)
    assert (yard.integration_id, yard.name, yard.state) == ("1", "Yard", "Connected")
    assert (yard.attributes["function"], yard.attributes["alarm"]) == ("Modect", "idle")
    assert other.attributes["alarm"] is None
    assert page.requests == 3
    # The address, the user and the password of a camera stand beside its name.
    assert not {"User", "Pass", "Path", "ONVIF_Password", "Host"} & page.records[0]["Monitor"].keys()


def test_a_monitor_that_is_not_told_is_gone(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    answers(network, "monitors.json", "monitors")
    found = Monitors(cameras, with_alarms=False).look_up(["1", "99"])
    assert found["1"] is not None
    assert found["99"] is None


def test_an_alarm_is_begun_by_a_word_of_its_own(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    answers(network, "monitors.json", "monitors")
    answers(network, "monitors/alarm/id:1/command:on.json", "alarm on")
    Monitors(cameras, with_alarms=False).update(outgoing("monitor", "1", alarm="alarm"))
    assert [str(call.request.url).rpartition("/")[2] for call in network.calls] == ["command:on.json", "monitors.json"]


@pytest.mark.parametrize("fields", [{"alarm": "loud"}, {"function": "Dance"}])
def test_what_it_does_not_know_is_refused(cameras: ZoneMinder, fields: dict[str, Any]) -> None:
    with pytest.raises(RequestRefused):
        Monitors(cameras, with_alarms=False).update(outgoing("monitor", "1", **fields))


def test_run_states(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    answers(network, "states.json", "states")
    states = RunStates(cameras)
    (page,) = states.pages(None, None)
    found = [states.map(one) for one in page.records]
    assert [(one.integration_id, one.state) for one in found] == [
        ("state-default", "active"),
        ("state-Away at night", "inactive"),
    ]
    with pytest.raises(RequestRefused, match="going to another one"):
        states.update(outgoing("run_state", "state-default", is_active=False))


def event(number: int, start: str, end: str | None) -> dict[str, Any]:
    return {
        "Event": {"Id": number, "MonitorId": 1, "Name": f"Event- {number}", "StartDateTime": start, "EndDateTime": end}
    }


def test_what_still_goes_on_is_read_again(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    records = [
        event(1, "2026-11-27 10:00:00", "2026-11-27 10:01:00"),
        event(2, "2026-11-27 10:05:00", None),
        event(3, "2026-11-27 10:06:00", "2026-11-27 10:07:00"),
    ]
    document = {"events": records, "pagination": {"page": 1, "pageCount": 1}}
    network.add("GET", f"{API}/events/index/StartTime%20%3E=:2026-11-27%2009:00:00.json", json=document)
    events = RecordedEvents(cameras, days=7, clock=FakeClock())
    since = datetime(2026, 11, 27, 9, tzinfo=UTC).isoformat()
    (page,) = events.pages({"since": since}, None)
    assert page.cursor == {"since": "2026-11-27T10:05:00+00:00"}
    found = [events.map(one) for one in page.records]
    assert [one.integration_id for one in found] == ["event-1", "event-2", "event-3"]
    assert [one.state for one in found] == ["recorded", "recording", "recorded"]
    assert found[0].parent == "1"


def test_a_url_that_is_not_the_apis_is_a_fault() -> None:
    faults = ZoneMinderType().validate_configuration({"base_url": "https://cameras.lan/zm"}, {})
    assert [fault.field for fault in faults] == ["configuration.base_url"]
    assert ZoneMinderType().validate_configuration({"base_url": API}, {}) == []
