"""The client of ZoneMinder against ZoneMinder: every method, with monitor 1 that captures, and 2 that does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from gateway.clients import errors
from gateway.clients.systems.zoneminder import ZoneMinder
from gateway.clients.systems.zoneminder_values import AlarmState, Event, Function
from gateway.errors import InvalidInput
from gateway.security.ssrf import AddressPolicy
from tests.real.servers import named
from tests.services.waiting import until

URL = named("GATEWAY_TEST_ZONEMINDER", "zoneminder")
HERE = {"allow_http": True, "policy": AddressPolicy(allow_private=True)}


@pytest.fixture
def cameras() -> Iterator[ZoneMinder]:
    made = ZoneMinder(URL, "admin", "admin", **HERE)
    yield made
    made.http.close()


def test_a_wrong_password() -> None:
    with pytest.raises(errors.AuthenticationFailed, match="denied"):
        ZoneMinder(URL, "admin", "another-password", **HERE).load()


def test_the_host(cameras: ZoneMinder) -> None:
    assert cameras.version().startswith("1.")
    assert cameras.is_running()
    assert cameras.load().one_minute >= 0
    assert cameras.time_zone() is not None


def test_monitors(cameras: ZoneMinder) -> None:
    assert {monitor.id for monitor in cameras.monitors()} >= {1, 2}
    assert cameras.monitor(1).status == "Connected"
    with pytest.raises(errors.RemoteNotFound):
        cameras.monitor(99)
    for function in (Function.MONITOR, Function.NONE):
        assert cameras.change_function(2, function).function is function
    with pytest.raises(errors.RemoteNotFound):
        cameras.change_function(99, "None")


def test_states(cameras: ZoneMinder) -> None:
    assert "default" in {state.name for state in cameras.states()}
    with pytest.raises(InvalidInput, match="default"):
        cameras.change_state("away")
    cameras.change_state("restart")
    assert cameras.is_running()
    until(lambda: cameras.monitor(1).status == "Connected", "it captures again")


def test_an_alarm_makes_an_event(cameras: ZoneMinder) -> None:
    until(lambda: _state(cameras) is AlarmState.IDLE, "the monitor is idle")
    began = datetime.now(UTC) - timedelta(seconds=2)
    cameras.alarm(1, "on")
    until(lambda: _state(cameras) is AlarmState.ALARM, "the alarm is on")
    cameras.alarm(1, "off")
    until(lambda: _state(cameras) is AlarmState.IDLE, "the alarm is over")
    (event,) = until(lambda: _ended(cameras, began), "the event is over")
    assert event.cause == "Forced Web"
    assert event.starts_at is not None
    assert abs(event.starts_at - began) < timedelta(minutes=1)
    assert cameras.event_counts()[1] >= 1
    assert list(cameras.events(monitor_id=1, until=began - timedelta(hours=1))) == []
    assert event.id in {one.id for one in cameras.events(filters={"Name REGEXP": "^Event", "AlarmFrames >=": 1})}
    # By pages of one, the same.
    by_one = [one.id for one in cameras.events(monitor_id=1, page_size=1)]
    assert by_one == [one.id for one in cameras.events(monitor_id=1)]
    cameras.delete_event(event.id)
    for act in (cameras.event, cameras.delete_event):
        with pytest.raises(errors.RemoteNotFound):
            act(event.id)


def test_who_does_not_capture(cameras: ZoneMinder) -> None:
    with pytest.raises(errors.Unavailable, match="nothing captures"):
        cameras.alarm_state(2)
    with pytest.raises(errors.RemoteNotFound):
        cameras.alarm_state(99)


def test_a_field_that_is_none(cameras: ZoneMinder) -> None:
    with pytest.raises(errors.RequestRefused, match="Nonsense") as caught:
        list(cameras.events(filters={"Nonsense": 1}))
    assert caught.value.call.tries == 1


def _state(cameras: ZoneMinder) -> AlarmState | None:
    try:
        return cameras.alarm_state(1)
    except errors.Unavailable:
        return None


def _ended(cameras: ZoneMinder, since: datetime) -> list[Event]:
    return [event for event in cameras.events(monitor_id=1, since=since) if event.ends_at is not None]
