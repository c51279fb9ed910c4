"""ZoneMinder against recorded answers of 1.36.33 and shapes of master: logins, monitors, events, alarms, errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from gateway.clients import errors
from gateway.clients.retries import RetryPolicy
from gateway.clients.systems.zoneminder import ZoneMinder
from gateway.clients.systems.zoneminder_values import AlarmState, Function, HostLoad, State
from gateway.clock import FakeClock
from gateway.errors import InvalidInput
from tests.services.for_each import for_each

API = "https://cameras.lan/zm/api"
PASSWORD = "pa<ss>w0rd&1"
LOGIN = f"{API}/host/login.json"
ALARM = "monitors/alarm/id:1/command:"
# What a server with two monitors answered, one of which captured: its records without the columns that nobody reads.
RECORDED = json.loads(Path("tests/fixtures/systems/zoneminder-1.36.33.json").read_text(encoding="utf-8"))
QUICK = RetryPolicy(max_tries=2, first_pause_seconds=0.001, longest_pause_seconds=0.001)


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cameras(network: responses.RequestsMock, clock: FakeClock) -> ZoneMinder:
    given = 0

    def log_in(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        nonlocal given
        given += 1
        form = parse_qs(str(request.body if isinstance(request.body, str) else (request.body or b"").decode()))
        if form.get("pass") == [PASSWORD]:
            more = ', "refresh_token": "refresh-1", "refresh_token_expires": 86400, "version": "1.36.33"'
        elif form.get("token") == ["refresh-1"]:
            more = ""
        else:
            return 401, {}, refusal("Incorrect credentials or disabled user")
        return 200, {}, f'{{"access_token": "access-{given}", "access_token_expires": 7200{more}}}'

    network.add_callback("POST", LOGIN, log_in)
    return client(clock)


def client(clock: FakeClock, password: str = PASSWORD) -> ZoneMinder:
    return ZoneMinder(API, "ada", password, session=requests.Session(), clock=clock, retries=QUICK)


def refusal(message: str, token: str = "") -> str:
    url = f"\\/zm\\/api\\/monitors.json?token={token}"
    kind = '{"class": "UnauthorizedException", "code": 401, "message": "x"}'
    return f'{{"success": false, "data": {{"name": "x", "message": "{message}", "url": "{url}", "exception": {kind}}}}}'


def tokens(network: responses.RequestsMock) -> list[str]:
    """The tokens that were sent, in order, and `login` or `refresh` where one was asked for."""
    found = []
    for call in network.calls:
        if call.request.url == LOGIN:
            found.append("login" if b"pass=" in (call.request.body or b"") else "refresh")
        else:
            found += parse_qs(urlsplit(call.request.url).query)["token"]
    return found


def old_monitor(**changed: object) -> dict[str, Any]:
    monitor = {"Id": "3", "Name": "Yard", "Function": "Modect", "Enabled": "1", "Width": 1920, "Height": "1080"}
    monitor |= {"Pass": "camera-pw", "Path": "rtsp://u:camera-pw@cam/", "Type": "Ffmpeg"} | changed
    return {"Monitor": monitor, "Monitor_Status": {"Status": "Connected", "CaptureFPS": "9.98"}, "Event_Summary": None}


def new_monitor(**changed: object) -> dict[str, Any]:
    monitor = {"Id": 3, "Name": "Yard", "Capturing": "Always", "Analysing": "Always", "Recording": "OnMotion"}
    return {"Monitor": monitor | changed, "Monitor_Status": None}


# What 1.36.33 answered

READ: dict[str, tuple[str, Callable[[ZoneMinder], Any], Any]] = {
    "monitors": (
        "monitors",
        lambda it: [(m.id, m.function, m.status, m.is_enabled) for m in it.monitors()],
        [
            (1, Function.MODECT, "Connected", True),
            (2, Function.NONE, "NotRunning", True),
        ],
    ),
    "monitor": ("monitors/1", lambda it: it.monitor(1).name, "Yard"),
    "monitor, none": ("monitors/1", lambda it: it.monitor(1), errors.RemoteNotFound("Invalid monitor")),
    "monitor, hidden": ("monitors/1", lambda it: it.monitor(1), errors.RemoteNotFound("not for this user")),
    "states": ("states", lambda it: it.states(), (State(1, "default", True), State(2, "Away at night", False))),
    "states, without the right": ("states", lambda it: it.states(), errors.AuthorizationFailed("rights are missing")),
    "alarm, idle": (f"{ALARM}status", lambda it: it.alarm_state(1), AlarmState.IDLE),
    "alarm, on": (f"{ALARM}status", lambda it: it.alarm_state(1), AlarmState.ALARM),
    "alarm, nothing captures": (f"{ALARM}status", lambda it: it.alarm_state(1), errors.Unavailable("captures")),
    "alarm on": (f"{ALARM}on", lambda it: it.alarm(1, "on"), None),
    "alarm off": (f"{ALARM}off", lambda it: it.alarm(1, "off"), None),
    "event": ("events/4", lambda it: (it.event(4).cause, it.event(4).frames), ("Forced Web", 256)),
    "event, none": ("events/4", lambda it: it.event(4), errors.RemoteNotFound("Invalid event")),
    "event, hidden": ("events/4", lambda it: it.event(4), errors.RemoteNotFound("not for this user")),
    "events, none": ("events", lambda it: list(it.events()), []),
    "events by an unknown field": ("events", lambda it: list(it.events()), errors.RequestRefused("Unknown column")),
    "counts": ("events/consoleEvents/1%20hour", lambda it: it.event_counts(), {1: 3}),
    "load": ("host/getLoad", lambda it: it.load().one_minute > 0, True),
    "running": ("host/daemonCheck", lambda it: it.is_running(), True),
    "time zone": ("host/getTimeZone", lambda it: str(it.time_zone()), "Europe/Berlin"),
    "version": ("host/getVersion", lambda it: it.version(), "1.36.33"),
    "deleted": ("events/4", lambda it: it.delete_event(4), None),
}


@for_each(READ, str)
def test_what_a_server_answered(name: str) -> None:
    path, read, due = READ[name]
    told = RECORDED[name]
    body = told["body"] if isinstance(told["body"], str) else json.dumps(told["body"])
    with responses.RequestsMock(assert_all_requests_are_fired=False) as network:
        network.post(LOGIN, json=RECORDED["login"]["body"])
        network.add("DELETE" if name == "deleted" else "GET", f"{API}/{path}.json", status=told["status"], body=body)
        cameras = ZoneMinder(
            API,
            "ada",
            PASSWORD,
            session=requests.Session(),
            retries=QUICK,
            time_zone=None if name == "time zone" else UTC,
        )
        if not isinstance(due, Exception):
            assert read(cameras) == due
            return
        with pytest.raises(type(due), match=str(due)) as caught:
            read(cameras)
        assert "access-" not in f"{caught.value}{caught.value.call}"
        # None of them is one that another try would mend.
        asked = [call for call in network.calls if call.request.url != LOGIN]
        assert len(asked) == 1


# Credentials


def test_one_login_for_many_calls(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    network.get(f"{API}/host/getLoad.json", json={"load": [0.5, "0.25", 1]})

    assert cameras.load() == HostLoad(0.5, 0.25, 1)
    cameras.load()

    assert tokens(network) == ["login", "access-1", "access-1"]
    assert PASSWORD not in repr(cameras.http) + repr(vars(cameras))


def test_a_token_is_refreshed_before_it_ends(
    network: responses.RequestsMock, cameras: ZoneMinder, clock: FakeClock
) -> None:
    network.get(f"{API}/host/daemonCheck.json", json={"result": 1})
    for seconds in (0, 7000, 200, 90_000):
        clock.advance(seconds)
        assert cameras.is_running()

    # The refresh token lasts a day.
    assert tokens(network) == ["login", "access-1", "access-1", "refresh", "access-2", "login", "access-3"]


def test_a_refused_token_is_got_anew(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    network.get(f"{API}/host/daemonCheck.json", status=401, body=refusal("Revoked", "access-1"))
    network.get(f"{API}/host/daemonCheck.json", json={"result": 0})

    assert cameras.is_running() is False
    assert tokens(network) == ["login", "access-1", "login", "access-2"]


def test_a_login_is_tried_once_for_each_text_of_a_refusal(
    network: responses.RequestsMock, cameras: ZoneMinder, clock: FakeClock
) -> None:
    network.get(f"{API}/monitors.json", status=401, body=refusal("Insufficient privileges", "access-1"))
    network.get(f"{API}/states.json", status=401, body=refusal("API &amp; rights missing"))

    for _ in range(3):
        with pytest.raises(errors.AuthorizationFailed, match=r"Insufficient privileges.*rights are missing") as caught:
            cameras.monitors()
        assert "access-1" not in f"{caught.value}{caught.value.call}"
    assert tokens(network) == ["login", "access-1", "login", "access-2", "access-2", "access-2"]
    with pytest.raises(errors.AuthorizationFailed, match="API & rights missing"):
        cameras.states()
    assert tokens(network)[6:] == ["access-2", "login", "access-3"]
    network.get(f"{API}/events.json", status=401, body=refusal("API &amp; rights missing"))
    with pytest.raises(errors.AuthorizationFailed):
        next(cameras.event_pages())
    assert tokens(network)[9:] == ["access-3"]


def test_a_wrong_password(network: responses.RequestsMock, cameras: ZoneMinder, clock: FakeClock) -> None:
    wrong = "wr<o>ng-pw"
    network.replace("POST", LOGIN, status=401, body=refusal(f"no {wrong} and wr&lt;o&gt;ng-pw"))

    with pytest.raises(errors.AuthenticationFailed) as caught:
        client(clock, wrong).load()

    assert tokens(network) == ["login"]
    assert "ng-pw" not in f"{caught.value}{caught.value.call}"


def test_a_login_that_gives_no_token_says_why(
    network: responses.RequestsMock, cameras: ZoneMinder, clock: FakeClock
) -> None:
    network.replace("POST", LOGIN, json={"credentials": "auth=1", "append_password": 0})

    with pytest.raises(errors.ResponseInvalid, match="OPT_USE_AUTH"):
        cameras.load()


def test_a_token_that_is_repeated_is_not_told(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    network.get(
        f"{API}/host/getLoad.json", status=404, json={"name": "x", "message": "no /x?token=access-1", "url": ""}
    )

    with pytest.raises(errors.RemoteNotFound, match="no /x") as caught:
        cameras.load()

    assert "access-1" not in f"{caught.value}{caught.value.call}"


def test_a_server_without_logins(network: responses.RequestsMock) -> None:
    network.get(f"{API}/host/getVersion.json", json={"version": "1.36.33", "apiversion": "2.0"})

    assert ZoneMinder(API, session=requests.Session()).version() == "1.36.33"
    assert network.calls[0].request.url == f"{API}/host/getVersion.json"


# Monitors


def test_monitors_old_and_new(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    strange = new_monitor(Id=4, Recording="Always", Analysing="Sometimes", Later=[])
    network.get(f"{API}/monitors.json", json={"monitors": [old_monitor(), new_monitor(), strange]})

    old, new, other = cameras.monitors()

    assert (old.id, old.name, old.function, old.is_enabled) == (3, "Yard", Function.MODECT, True)
    assert (old.status, old.frames_per_second, old.width, old.height) == ("Connected", 9.98, 1920, 1080)
    assert (new.function, new.is_enabled, new.status, new.frames_per_second) == (Function.MODECT, None, "", None)
    assert (other.function, other.analysing) == (None, "Sometimes")
    assert "camera-pw" not in repr(old)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"monitors": None}, errors.ResponseInvalid),
        ({"monitors": [{"Monitor": {"Id": None}}]}, errors.ResponseInvalid),
        ({"monitors": [None]}, errors.ResponseInvalid),
        ({"success": False, "data": {"message": "gone", "exception": {"code": 404}}}, errors.RemoteNotFound),
        ({"success": False, "data": {"message": "odd", "exception": {"code": 0}}}, errors.RequestRefused),
    ],
)
def test_what_is_wrong_in_200(network: responses.RequestsMock, cameras: ZoneMinder, body: Any, kind: type) -> None:
    network.get(f"{API}/monitors.json", json=body)

    with pytest.raises(errors.IntegrationError) as caught:
        cameras.monitors()

    assert type(caught.value) is kind


def test_no_monitors_and_a_page_for_people(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    network.get(f"{API}/monitors.json", json={"monitors": []})
    network.get(f"{API}/monitors.json", body="<!DOCTYPE html><title>ZM - Login</title>", content_type="text/html")

    assert cameras.monitors() == ()
    with pytest.raises(errors.ResponseInvalid, match="login is wanted"):
        cameras.monitors()


def test_a_monitor_that_the_user_may_not_see(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    network.get(f"{API}/monitors/9.json", json={"monitor": []})

    with pytest.raises(errors.RemoteNotFound, match="monitor 9"):
        cameras.monitor(9)


@pytest.mark.parametrize(
    ("before", "sends"),
    [
        (old_monitor(), {"Monitor[Function]": ["Mocord"], "Monitor[Enabled]": ["0"]}),
        (
            new_monitor(Enabled=1),
            {
                "Monitor[Capturing]": ["Always"],
                "Monitor[Analysing]": ["Always"],
                "Monitor[Recording]": ["Always"],
                "Monitor[Enabled]": ["0"],
            },
        ),
    ],
    ids=["1.36", "1.38"],
)
def test_a_function_is_changed_in_the_words_of_the_version(
    network: responses.RequestsMock, cameras: ZoneMinder, before: dict[str, Any], sends: dict[str, list[str]]
) -> None:
    network.get(f"{API}/monitors/3.json", json={"monitor": before})
    network.get(f"{API}/monitors/3.json", json={"monitor": old_monitor(Function="Mocord")})
    network.put(f"{API}/monitors/3.json", json={"message": "Saved"})

    assert cameras.change_function(3, "Mocord", enabled=False).function is Function.MOCORD
    assert parse_qs(network.calls[2].request.body.decode()) == sends


def test_a_change_that_was_not_made(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    network.get(f"{API}/monitors/3.json", json={"monitor": new_monitor()})
    network.put(f"{API}/monitors/3.json", json={"message": "Error Array\n(\n)"})

    with pytest.raises(errors.RequestRefused, match=r"Error Array \( \)"):
        cameras.change_function(3, Function.NONE)
    with pytest.raises(InvalidInput, match="cannot disable"):
        cameras.change_function(3, Function.NONE, enabled=False)
    with pytest.raises(InvalidInput, match="Modect"):
        cameras.change_function(3, "Motion")


# States, alarms, host


def test_states(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    network.get(f"{API}/states.json", json={"states": [{"State": {"Id": "1", "Name": "my home", "IsActive": "0"}}]})
    network.post(f"{API}/states/change/my%20home.json", json={"blah": ""})
    network.post(f"{API}/states/change/restart.json", json={"blah": ""})

    assert cameras.states() == (State(1, "my home", is_active=False),)
    cameras.change_state("my home")
    cameras.change_state("restart")
    with pytest.raises(InvalidInput, match="my home"):
        cameras.change_state("away")


def test_alarms(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    alarm = f"{API}/monitors/alarm/id:3/command:"
    for told in (0, 2, "3"):
        network.get(f"{alarm}status.json", json={"status": told, "output": told})
    network.get(f"{alarm}status.json", json={"status": 9, "output": 9})
    said = "Alarmed event id: 4"
    network.get(f"{alarm}on.json", json={"status": said, "output": f"Monitor 1(Yard)\n{said}"})
    network.get(f"{alarm}off.json", json={"status": "false", "code": 255, "error": ""})

    states = [cameras.alarm_state(3) for _ in range(3)]
    assert states == [AlarmState.IDLE, AlarmState.ALARM, AlarmState.ALERT]
    cameras.alarm(3, "on")
    with pytest.raises(errors.ResponseInvalid, match="none that is known"):
        cameras.alarm_state(3)
    with pytest.raises(errors.Unavailable, match="nothing captures"):
        cameras.alarm(3, "off")
    with pytest.raises(InvalidInput, match="disable"):
        cameras.alarm(3, "status")


@pytest.mark.parametrize(("results", "counts"), [({"2": 1, "3": "4"}, {2: 1, 3: 4}), ([], {})])
def test_counts_of_events(
    network: responses.RequestsMock, cameras: ZoneMinder, results: Any, counts: dict[int, int]
) -> None:
    network.get(f"{API}/events/consoleEvents/1%20hour.json", json={"results": results})

    assert cameras.event_counts() == counts


# Events


def event(number: object, **changed: object) -> dict[str, Any]:
    told = {"Id": number, "MonitorId": "3", "Name": "Event", "Cause": "Motion", "Length": "5.31", "Archived": False}
    return {"Event": told | {"StartDateTime": "2026-07-01 12:00:00", "EndDateTime": "2026-07-01 12:00:05"} | changed}


def page(number: int, count: int, *events: dict[str, Any]) -> dict[str, Any]:
    return {"events": list(events), "pagination": {"page": number, "pageCount": count, "limit": 2}}


def test_events_to_their_end_in_the_zone_of_the_server(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    network.get(f"{API}/host/getTimeZone.json", json={"tz": "Europe/Berlin"})
    network.get(f"{API}/events.json", json=page(1, 2, event("1"), event(2, EndDateTime=None, Name="New Event")))
    network.get(f"{API}/events.json", json=page(2, 2, event(3, StartDateTime="0000-00-00 00:00:00", Length=None)))

    first, open_one, strange = cameras.events(page_size=2)

    assert (first.id, first.monitor_id, first.cause, first.is_archived) == (1, 3, "Motion", False)
    assert first.starts_at == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert first.length_seconds == 5.31
    assert (open_one.ends_at, strange.starts_at, strange.length_seconds) == (None, None, None)
    asked = parse_qs(urlsplit(network.calls[-1].request.url).query)
    assert (asked["page"], asked["limit"], asked["sort"], asked["direction"]) == (["2"], ["2"], ["Id"], ["asc"])


def test_events_by_filters(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    network.get(f"{API}/host/getTimeZone.json", json={"tz": "Europe/Berlin"})
    path = "/events/index/MonitorId:3/StartTime%20%3E=:2026-07-01%2012:00:00/Cause:a:b%26c.json"
    network.get(f"{API}{path}", json={"events": [], "pagination": {"pageCount": 0}})
    since = datetime(2026, 7, 1, 10, tzinfo=UTC)

    assert list(cameras.events(monitor_id=3, since=since, filters={"Cause": "a:b&c"})) == []
    assert urlsplit(network.calls[-1].request.url).path == f"/zm/api{path}"
    with pytest.raises(InvalidInput, match="time zone"):
        next(cameras.events(since=since.replace(tzinfo=None)))
    sent = len(network.calls)
    for filters in ({"Cause": "a/b"}, {"Cause": "a?"}, {"Cause": "#1"}, {"Name LIKE": "E%"}, {"Length /": 2}):
        with pytest.raises(InvalidInput, match="REGEXP"):
            next(cameras.events(filters=filters))
    assert len(network.calls) == sent


def test_events_of_an_old_server_go_on_from_a_page(network: responses.RequestsMock, clock: FakeClock) -> None:
    old = {"Event": {"Id": 1, "StartTime": "2026-01-02 00:00:00", "EndTime": None}}
    network.get(f"{API}/events.json", json=page(1, 2, event(1), event(2)))
    network.get(f"{API}/events.json", json=page(2, 2, old))
    cameras = ZoneMinder(API, session=requests.Session(), clock=clock, time_zone=UTC)
    first = next(cameras.event_pages(page_size=2))

    (found,) = cameras.events(page_size=2, start=first.following)

    assert (found.starts_at, found.ends_at) == (datetime(2026, 1, 2, tzinfo=UTC), None)


def test_one_event_and_its_end(network: responses.RequestsMock, clock: FakeClock) -> None:
    network.get(f"{API}/events/1.json", json={"event": event(1)})
    network.delete(f"{API}/events/1.json", body="")
    network.delete(f"{API}/events/1.json", status=404, json={"success": False, "data": {"message": "Invalid event"}})
    hidden = {"Next": 3, "Prev": None, "fileExists": 0, "fileSize": 4096, "MaxScoreFrameId": 1, "AlarmFrameId": None}
    network.get(f"{API}/events/2.json", json={"event": {"Event": hidden}})
    cameras = ZoneMinder(API, session=requests.Session(), clock=clock, time_zone=UTC)

    assert cameras.event(1).name == "Event"
    with pytest.raises(errors.RemoteNotFound, match="event 2"):
        cameras.event(2)
    cameras.delete_event(1)
    with pytest.raises(errors.RemoteNotFound, match="Invalid event"):
        cameras.delete_event(1)


def test_a_zone_that_is_not_known(network: responses.RequestsMock, cameras: ZoneMinder) -> None:
    network.get(f"{API}/host/getTimeZone.json", json={"tz": "Mars/Olympus"})

    with pytest.raises(errors.ResponseInvalid, match="give time_zone"):
        cameras.time_zone()
