"""Monitors, recorded events and run states of one ZoneMinder, as a sync reads and writes them.

It has no versions: the last write wins. A list lacks what its user may not see, so that whoever loses a right looks
like one whose monitors were deleted: the safety threshold of a pull is there for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gateway.clients.errors import RemoteNotFound, RequestRefused, Unavailable
from gateway.clients.paging.styles import PageRequest
from gateway.clients.systems.reading import part, sequence, text
from gateway.clients.systems.zoneminder import ZoneMinder
from gateway.clients.systems.zoneminder_values import AlarmCommand
from gateway.clock import Clock, from_us
from gateway.entities.external import (
    Abilities,
    Cursor,
    Direction,
    FieldRule,
    Mapped,
    Outgoing,
    Position,
    Raw,
    RemotePage,
)
from gateway.errors import InvalidInput
from gateway.integrations.kinds.read_only import ReadOnly
from gateway.integrations.kinds.zoneminder.records import (
    EVENT,
    STATE,
    event_entity,
    monitor_entity,
    number_in,
    state_entity,
)

_BOTH: Final = FieldRule(direction=Direction.BOTH)
# An event that goes on changes until it ends; one that is open for longer than this was cut off.
LONGEST_OPEN: Final = timedelta(days=1)


class Monitors(ReadOnly):
    """Cameras. With `with_alarms` each is asked how its alarm is: a request for each monitor."""

    name = "monitors"
    kind = "monitor"
    abilities = Abilities(looks_up=True, writes=frozenset({"update"}))
    fields: Mapping[str, FieldRule] = {"function": _BOTH, "is_enabled": _BOTH, "alarm": _BOTH}

    def __init__(self, cameras: ZoneMinder, *, with_alarms: bool) -> None:
        self._cameras = cameras
        self._with_alarms = with_alarms

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        found = self._listed()
        requests = 1 + (len(found) if self._with_alarms else 0)
        yield RemotePage(records=[self._watched(one) for one in found], next=None, requests=requests)

    def identify(self, raw: Raw) -> str | None:
        found = text(part(part(raw, "Monitor"), "Id"))
        return found or None

    def map(self, raw: Raw) -> Mapped:
        return monitor_entity(raw)

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        there = {self.identify(one): one for one in self._listed()}
        return {one: self._watched(there[one]) if one in there else None for one in ids}

    def update(self, outgoing: Outgoing) -> Raw | None:
        monitor_id = number_in(outgoing.integration_id or "")
        if monitor_id is None:
            raise RequestRefused(f"zoneminder: there is no monitor {outgoing.integration_id}")
        fields = outgoing.fields
        try:
            if "function" in fields or "is_enabled" in fields:
                function = outgoing.attributes.get("function")
                if not isinstance(function, str):
                    raise InvalidInput("the function of this monitor is none that ZoneMinder has a name for")
                enabled = fields.get("is_enabled")
                self._cameras.change_function(monitor_id, function, enabled=None if enabled is None else bool(enabled))
            if "alarm" in fields:
                self._cameras.alarm(monitor_id, _alarm_command(fields["alarm"]))
        except InvalidInput as error:
            raise RequestRefused(f"zoneminder: {error}") from error
        return self.look_up([str(monitor_id)])[str(monitor_id)]

    def _listed(self) -> Sequence[Any]:
        document = self._cameras.http.json("GET", "/monitors.json", headers={"Accept": "application/json"})
        return sequence(part(document, "monitors"), "monitors")

    def _watched(self, raw: Any) -> Raw:
        """The record, without the credentials of the camera that stand in it, and with the alarm."""
        monitor_id = number_in(self.identify(raw) or "")
        alarm: str | None = None
        if self._with_alarms and monitor_id is not None:
            try:
                alarm = self._cameras.alarm_state(monitor_id).name.lower()
            except Unavailable:
                alarm = None
        return {
            "Monitor": {name: value for name, value in _object(part(raw, "Monitor")).items() if name in _KEPT},
            "Monitor_Status": part(raw, "Monitor_Status"),
            "alarm": alarm,
        }


class RecordedEvents(ReadOnly):
    """What was recorded in the last `days`. Older ones stay here when they leave that window, and are not asked for."""

    name = "events"
    kind = "event"
    abilities = Abilities(is_incremental=True, is_complete=False, looks_up=True)

    def __init__(self, cameras: ZoneMinder, *, days: int, clock: Clock) -> None:
        self._cameras = cameras
        self._days = days
        self._clock = clock

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        since = _instant(None if cursor is None else cursor.get("since"))
        if since is None:
            since = from_us(self._clock.now_us()) - timedelta(days=self._days)
        zone = self._cameras.time_zone()
        start = None if at is None else PageRequest(tuple((str(name), str(value)) for name, value in at["query"]))
        newest, open_since = since, _instant(None if at is None else at.get("open"))
        for page in self._cameras.event_pages(since=since, start=start):
            for record in page.records:
                begun, is_open = _begun(record, zone)
                newest = newest if begun is None else max(newest, begun)
                if is_open and begun is not None and begun > newest - LONGEST_OPEN:
                    open_since = begun if open_since is None else min(open_since, begun)
            following = page.following
            yield RemotePage(
                records=page.records,
                next=None if following is None else {"query": following.query, "open": _iso(open_since)},
                # What still goes on is read again until it has ended.
                cursor={"since": _iso(min(newest, open_since or newest))} if following is None else None,
            )

    def identify(self, raw: Raw) -> str | None:
        found = text(part(part(raw, "Event"), "Id"))
        return f"{EVENT}{found}" if found else None

    def map(self, raw: Raw) -> Mapped:
        return event_entity(raw, self._cameras.time_zone())

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        return {one: self._one(one) for one in ids}

    def _one(self, integration_id: str) -> Raw | None:
        number = number_in(integration_id, EVENT)
        if number is None:
            return None
        try:
            document = self._cameras.http.json("GET", "/events/{id}.json", {"id": number})
        except RemoteNotFound:
            return None
        found = part(document, "event")
        # Of an event that the user may not see it tells the neighbours alone.
        return found if "Id" in (part(found, "Event") or ()) else None


class RunStates(ReadOnly):
    """Run states: which monitors do what. One is gone to by setting its `is_active`; that takes seconds."""

    name = "states"
    kind = "run_state"
    abilities = Abilities(looks_up=True, writes=frozenset({"update"}))
    fields: Mapping[str, FieldRule] = {"is_active": _BOTH}

    def __init__(self, cameras: ZoneMinder) -> None:
        self._cameras = cameras

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        yield RemotePage(records=self._listed(), next=None)

    def identify(self, raw: Raw) -> str | None:
        found = text(part(part(raw, "State"), "Name"))
        return f"{STATE}{found}" if found else None

    def map(self, raw: Raw) -> Mapped:
        return state_entity(raw)

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        there = {self.identify(one): one for one in self._listed()}
        return {one: there.get(one) for one in ids}

    def update(self, outgoing: Outgoing) -> Raw | None:
        integration_id = outgoing.integration_id or ""
        if outgoing.fields.get("is_active") is not True:
            raise RequestRefused("zoneminder: a run state is left by going to another one: set is_active of that")
        try:
            self._cameras.change_state(integration_id.removeprefix(STATE))
        except InvalidInput as error:
            raise RequestRefused(f"zoneminder: {error}") from error
        return self.look_up([integration_id])[integration_id]

    def _listed(self) -> Sequence[Any]:
        document = self._cameras.http.json("GET", "/states.json", headers={"Accept": "application/json"})
        return sequence(part(document, "states"), "states")


# Of the nearly hundred fields of a monitor; among the others are the camera's user, password and address.
_KEPT: Final = frozenset(
    {"Id", "Name", "Function", "Enabled", "Type", "Width", "Height", "Capturing", "Analysing", "Recording"}
)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _alarm_command(wanted: Any) -> AlarmCommand:
    try:
        return AlarmCommand("on" if wanted == "alarm" else "off" if wanted == "idle" else wanted)
    except ValueError as error:
        known = ", ".join(AlarmCommand)
        raise InvalidInput(f"an alarm is set to {known}, and not to {wanted!r}") from error


def _begun(record: Any, zone: Any) -> tuple[datetime | None, bool]:
    try:
        mapped = event_entity(record, zone)
    except InvalidInput:
        return None, False
    return _instant(mapped.attributes.get("starts_at")), mapped.state == "recording"


def _instant(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
