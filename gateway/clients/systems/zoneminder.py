"""ZoneMinder, from 1.34 on: monitors, run states, events, alarms, load. Source: its API documentation, 1.36 and master.

    cameras = ZoneMinder("https://cameras.lan/zm/api", "ada", password)
    for event in cameras.events(monitor_id=3, since=yesterday): ...

It says errors inside 200, and takes what it does not know without a word: what it says is compared with what was meant.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, tzinfo
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.clients.auth.base import Unauthenticated
from gateway.clients.client import ApiClient
from gateway.clients.errors import (
    AuthenticationFailed,
    FailedCall,
    RemoteNotFound,
    RequestRefused,
    ResponseInvalid,
    Unavailable,
)
from gateway.clients.judging import excerpt
from gateway.clients.paging.styles import Page, PageNumber, PageRequest
from gateway.clients.systems.reading import integer, number, part, sequence, text
from gateway.clients.systems.zoneminder_login import QueryToken, Refusals, ZoneMinderLogin, login_client
from gateway.clients.systems.zoneminder_values import (
    MODES,
    AlarmCommand,
    AlarmState,
    Event,
    Function,
    HostLoad,
    Monitor,
    State,
    event_of,
    monitor_of,
    state_of,
    truth,
)
from gateway.clients.values import Answer
from gateway.errors import InvalidInput

PAGE_SIZE: Final = 100
ACTIONS: Final = frozenset({"start", "stop", "restart"})
"""What can be asked for in place of a run state."""

LOST_CHARACTERS: Final = frozenset("/?#%")
"""What a filter cannot have: written as %2F and so on, Apache refuses them before ZoneMinder (404, 403, 401, 400)."""

_TIME: Final = "%Y-%m-%d %H:%M:%S"


class ZoneMinder:
    """A client for one server. Safe from any thread.

    `base_url` is the API's, such as `https://cameras.lan/zm/api`. `user` and `password` are left out for a server
    without logins. `time_zone` is asked of the server unless given. `options` are those of `ApiClient`.
    """

    def __init__(
        self, base_url: str, user: str = "", password: str = "", *, time_zone: tzinfo | None = None, **options: Any
    ) -> None:
        given: dict[str, Any] = {"system": "zoneminder"} | options
        self._login = (
            ZoneMinderLogin(login_client(base_url, password, **given), user, password, clock=options.get("clock"))
            if user
            else None
        )
        self._refusals = Refusals(self._login)
        auth = QueryToken(self._login) if self._login is not None else Unauthenticated()
        self.http = ApiClient(base_url, auth=auth, judge=self._refusals.judge, **given)
        self._lock = threading.Lock()
        self._zone = time_zone

    def monitors(self) -> tuple[Monitor, ...]:
        """All monitors that the user may see: one that is missing is not a deletion."""
        found = sequence(part(self._json("GET", "/monitors.json"), "monitors"), "monitors")
        return tuple(monitor_of(record) for record in found)

    def monitor(self, monitor_id: int) -> Monitor:
        """One monitor. Raises `RemoteNotFound`, also for one that the user may not see."""
        path = "/monitors/{id}.json"
        found = part(self._json("GET", path, {"id": monitor_id}), "monitor")
        if found == []:
            raise RemoteNotFound(
                f"zoneminder: there is no monitor {monitor_id}, or not for this user", call=_call(path)
            )
        return monitor_of(found)

    def change_function(self, monitor_id: int, function: Function | str, *, enabled: bool | None = None) -> Monitor:
        """Let a monitor do something else, in the words of the version that it is. The monitor as it is then.

        The last write wins: ZoneMinder has no versions. Raises `InvalidInput`, `RemoteNotFound`, `RequestRefused`.
        """
        try:
            wanted = Function(function)
        except ValueError as error:
            raise InvalidInput(f"a monitor has no function {function!r} (there is: {', '.join(Function)})") from error
        before = self.monitor(monitor_id)
        form: dict[str, object] = {"Monitor[Function]": wanted.value}
        if before.has_modes:
            names = ("Capturing", "Analysing", "Recording")
            form = {f"Monitor[{name}]": mode for name, mode in zip(names, MODES[wanted], strict=True)}
        if enabled is not None:
            if before.is_enabled is None:
                raise InvalidInput("this version of ZoneMinder cannot disable a monitor: give it the function None")
            form["Monitor[Enabled]"] = int(enabled)
        path = "/monitors/{id}.json"
        said = text(part(self._json("PUT", path, {"id": monitor_id}, form=form), "message"))
        if said != "Saved":
            raise RequestRefused(f"zoneminder: the monitor was not changed: {excerpt(said)}", call=_call(path, "PUT"))
        return self.monitor(monitor_id)

    def states(self) -> tuple[State, ...]:
        """The run states."""
        return tuple(
            state_of(record) for record in sequence(part(self._json("GET", "/states.json"), "states"), "states")
        )

    def change_state(self, name: str) -> None:
        """Go to a run state, or start, stop or restart; takes seconds. Raises `InvalidInput` for another name."""
        known = [state.name for state in self.states()]
        # The server would say the same for one that it does not know.
        if name not in ACTIONS and name not in known:
            raise InvalidInput(f"there is no state {name!r} (there is: {', '.join(known)})")
        self._json("POST", "/states/change/{name}.json", {"name": name})

    def events(self, **options: Any) -> Iterator[Event]:
        """Events, the oldest first, read page by page; the options are those of `event_pages`."""
        zone = self.time_zone()
        for page in self.event_pages(**options):
            for record in page.records:
                yield event_of(record, zone)

    def event_pages(
        self,
        *,
        monitor_id: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        filters: Mapping[str, object] | None = None,
        start: PageRequest | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Page]:
        """Pages of events as they came; a page's `following` goes on from there as `start`.

        `since` and `until` are about their beginnings, in whole seconds; `filters` are others by ZoneMinder's names,
        such as `{"AlarmFrames >=": 5, "Cause": "Motion"}`. Raises `InvalidInput`, `IntegrationError`:
        `RequestRefused` for a name that there is none of.
        """
        wanted: dict[str, object] = {} if monitor_id is None else {"MonitorId": monitor_id}
        # The old names, which newer versions understand.
        for name, at in (("StartTime >=", since), ("StartTime <=", until)):
            if at is not None:
                wanted[name] = self._written(at)
        path = "".join(f"/{_segment(name)}:{_segment(value)}" for name, value in (wanted | dict(filters or {})).items())
        style = PageNumber(size=page_size, size_parameter="limit", pages="pagination.pageCount")
        pages = self.http.pages(
            f"/events/index{path}.json" if path else "/events.json",
            style=style,
            records="events",
            # By Id: events that begin meanwhile come at the end, and shift no page.
            query={"sort": "Id", "direction": "asc"},
            start=start,
            headers={"Accept": "application/json"},
            template="/events/index/{filters}.json" if path else None,
        )
        while True:
            with self._telling_rights():
                page = next(pages, None)
            if page is None:
                return
            yield page

    def event(self, event_id: int) -> Event:
        """One event. Raises `RemoteNotFound`, also for one of a monitor that the user may not see."""
        path = "/events/{id}.json"
        found = part(self._json("GET", path, {"id": event_id}), "event")
        # Of such a one it tells the neighbours and the folder.
        if "Id" not in (part(found, "Event") or ()):
            raise RemoteNotFound(f"zoneminder: there is no event {event_id}, or not for this user", call=_call(path))
        return event_of(found, self.time_zone())

    def delete_event(self, event_id: int) -> None:
        """Remove an event and its recording. Raises `RemoteNotFound`."""
        self._call("DELETE", "/events/{id}.json", {"id": event_id})

    def event_counts(self, hours: int = 1) -> Mapping[int, int]:
        """How many events began in the last `hours`, by monitor; those without are left out."""
        told = self._json("GET", "/events/consoleEvents/{interval}.json", {"interval": f"{hours} hour"})
        results = part(told, "results")
        # PHP writes an empty map as a list.
        counts = results if isinstance(results, dict) else {}
        found = ((integer(monitor), integer(count)) for monitor, count in counts.items())
        return {monitor: count for monitor, count in found if monitor is not None and count is not None}

    def alarm_state(self, monitor_id: int) -> AlarmState:
        """How the alarm of a monitor is. Raises `Unavailable` when nothing captures for it."""
        status = integer(self._alarm(monitor_id, "status"))
        if status is None or status not in set(AlarmState):
            raise ResponseInvalid("zoneminder: the state of the alarm is none that is known")
        return AlarmState(status)

    def alarm(self, monitor_id: int, command: AlarmCommand | str) -> None:
        """Begin or end the alarm of a monitor. Raises `InvalidInput`, `Unavailable` when nothing captures for it."""
        try:
            self._alarm(monitor_id, AlarmCommand(command).value)
        except ValueError as error:
            raise InvalidInput(f"an alarm has no command {command!r} (there is: {', '.join(AlarmCommand)})") from error

    def load(self) -> HostLoad:
        """The load of the machine."""
        found = [number(value) for value in sequence(part(self._json("GET", "/host/getLoad.json"), "load"), "load")]
        values = [value for value in found if value is not None]
        if len(values) != 3:
            raise ResponseInvalid("zoneminder: the load is not three numbers")
        return HostLoad(*values)

    def is_running(self) -> bool:
        """Whether its daemon runs."""
        return truth(part(self._json("GET", "/host/daemonCheck.json"), "result")) is True

    def version(self) -> str:
        """The version of ZoneMinder."""
        return text(part(self._json("GET", "/host/getVersion.json"), "version"))

    def time_zone(self) -> tzinfo:
        """The zone in which the server tells times, asked once. Raises `ResponseInvalid` for one that is not known."""
        with self._lock:
            if self._zone is None:
                told = text(part(self._json("GET", "/host/getTimeZone.json"), "tz"))
                try:
                    self._zone = ZoneInfo(told)
                except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                    raise ResponseInvalid("zoneminder: its time zone is not known here: give time_zone") from error
            return self._zone

    def _alarm(self, monitor_id: int, command: str) -> Any:
        path = "/monitors/alarm/id:{id}/command:{command}.json"
        found = self._json("GET", path, {"id": monitor_id, "command": command})
        status = part(found, "status")
        # Idle is the number 0, which is `False` for Python.
        if status == "false" or status is False:
            raise Unavailable(
                "zoneminder: nothing captures for this monitor, or the user may not see it", call=_call(path)
            )
        return status

    def _written(self, at: datetime) -> str:
        if at.tzinfo is None:
            raise InvalidInput("`since` and `until` have a time zone")
        return at.astimezone(self.time_zone()).strftime(_TIME)

    def _json(self, method: str, path: str, parameters: Mapping[str, object] | None = None, **options: Any) -> Any:
        answer = self._call(method, path, parameters, headers={"Accept": "application/json"}, **options)
        return self.http.document_of(answer, method, path, parameters)

    def _call(self, method: str, path: str, parameters: Mapping[str, object] | None = None, **options: Any) -> Answer:
        with self._telling_rights():
            return self.http.request(method, path, parameters, **options)

    @contextmanager
    def _telling_rights(self) -> Iterator[None]:
        """A refusal that comes after a new login is about rights."""
        logins = self._login.logins if self._login is not None else 0
        try:
            yield
        except AuthenticationFailed as error:
            if self._login is None or self._login.logins == logins:
                raise
            raise self._refusals.unmended(error) from error


def _segment(value: object) -> str:
    """A name or value as a part of the path. Raises `InvalidInput`."""
    written = text(value)
    if LOST_CHARACTERS & set(written):
        raise InvalidInput(
            f"a filter of events has no {' '.join(sorted(LOST_CHARACTERS))}: a web server loses them on the way, "
            "so put a dot in their place, with the operator REGEXP"
        )
    # A server takes `:` and `=` as they are.
    return quote(written, safe=":=")


def _call(path: str, method: str = "GET") -> FailedCall:
    return FailedCall("zoneminder", method, path, 200)
