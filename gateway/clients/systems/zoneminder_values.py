"""What ZoneMinder tells, as values, in the shapes of 1.34 to 1.38: ids are numbers or texts, names changed. Pure.

Credentials of cameras, which it tells in clear (`User`, `Pass`, `Path`, `ONVIF_Password`), are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import IntEnum, StrEnum
from typing import Any, Final

from gateway.clients.errors import ResponseInvalid
from gateway.clients.systems.reading import integer, mapping, number, part, text


class Function(StrEnum):
    """What a monitor does, in the words of ZoneMinder before 1.37."""

    NONE = "None"  # nothing
    MONITOR = "Monitor"  # shows
    MODECT = "Modect"  # shows, looks for motion, records that
    RECORD = "Record"  # shows, records all
    MOCORD = "Mocord"  # shows, looks for motion, records all
    NODECT = "Nodect"  # shows, records when it is told to


# Capturing, Analysing and Recording, which replace Function from 1.37 on.
MODES: Final[dict[Function, tuple[str, str, str]]] = {
    Function.NONE: ("None", "None", "None"),
    Function.MONITOR: ("Always", "None", "None"),
    Function.MODECT: ("Always", "Always", "OnMotion"),
    Function.RECORD: ("Always", "None", "Always"),
    Function.MOCORD: ("Always", "Always", "Always"),
    Function.NODECT: ("Always", "None", "OnMotion"),
}


class AlarmCommand(StrEnum):
    """What can be done to the alarm of a monitor."""

    ON = "on"  # begins
    OFF = "off"  # ends
    DISABLE = "disable"  # ends, and none begins by itself


class AlarmState(IntEnum):
    """How the alarm of a monitor is."""

    IDLE = 0  # nothing happens
    PREALARM = 1  # something may be happening
    ALARM = 2  # something happens
    ALERT = 3  # it is over, and may begin again
    TAPE = 4  # records without a cause


@dataclass(frozen=True, slots=True)
class Monitor:
    """A camera. `function` is None where its modes make none of the known ones; `status` is that of its capturing."""

    id: int
    name: str
    function: Function | None
    is_enabled: bool | None
    capturing: str
    analysing: str
    recording: str
    type: str
    width: int | None
    height: int | None
    status: str
    frames_per_second: float | None
    has_modes: bool


@dataclass(frozen=True, slots=True)
class State:
    """A run state: which monitors do what."""

    id: int
    name: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was recorded; `ends_at` is None while it goes on."""

    id: int
    monitor_id: int | None
    name: str
    cause: str
    notes: str
    starts_at: datetime | None
    ends_at: datetime | None
    length_seconds: float | None
    frames: int | None
    alarm_frames: int | None
    total_score: float | None
    max_score: float | None
    is_archived: bool | None


@dataclass(frozen=True, slots=True)
class HostLoad:
    """The machine's load averages."""

    one_minute: float
    five_minutes: float
    fifteen_minutes: float


def monitor_of(record: object) -> Monitor:
    """A monitor. Raises `ResponseInvalid`."""
    found = mapping(part(record, "Monitor"), "a monitor")
    status = part(record, "Monitor_Status")
    function, has_modes = text(found.get("Function")), "Capturing" in found
    modes = tuple(text(found.get(name)) for name in ("Capturing", "Analysing", "Recording"))
    if has_modes:
        known = next((one for one, its in MODES.items() if its == modes), None)
    else:
        known = Function(function) if function in set(Function) else None
        modes = MODES[known] if known is not None else ("", "", "")
    return Monitor(
        id=_id(found),
        name=text(found.get("Name")),
        function=known,
        is_enabled=truth(found.get("Enabled")),
        capturing=modes[0],
        analysing=modes[1],
        recording=modes[2],
        type=text(found.get("Type")),
        width=integer(found.get("Width")),
        height=integer(found.get("Height")),
        status=text(part(status, "Status")),
        frames_per_second=number(part(status, "CaptureFPS")),
        has_modes=has_modes,
    )


def state_of(record: object) -> State:
    """A run state. Raises `ResponseInvalid`."""
    found = mapping(part(record, "State"), "a state")
    return State(_id(found), text(found.get("Name")), truth(found.get("IsActive")) is True)


def event_of(record: object, zone: tzinfo) -> Event:
    """An event, whose times are those of `zone`. Raises `ResponseInvalid`."""
    found = mapping(part(record, "Event"), "an event")
    return Event(
        id=_id(found),
        monitor_id=integer(found.get("MonitorId")),
        name=text(found.get("Name")),
        cause=text(found.get("Cause")),
        notes=text(found.get("Notes")),
        # StartTime and EndTime before 1.35.13.
        starts_at=_local(found.get("StartDateTime", found.get("StartTime")), zone),
        ends_at=_local(found.get("EndDateTime", found.get("EndTime")), zone),
        length_seconds=number(found.get("Length")),
        frames=integer(found.get("Frames")),
        alarm_frames=integer(found.get("AlarmFrames")),
        total_score=number(found.get("TotScore")),
        max_score=number(found.get("MaxScore")),
        is_archived=truth(found.get("Archived")),
    )


def truth(value: object) -> bool | None:
    """A yes or no, which comes as a boolean, a number or a text."""
    found = value if isinstance(value, bool) else number(value)
    return bool(found) if found is not None else None


def _id(found: Any) -> int:
    number_ = integer(found.get("Id"))
    if number_ is None:
        raise ResponseInvalid("a record has no Id")
    return number_


def _local(value: object, zone: tzinfo) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        # MySQL's 0000-00-00 00:00:00.
        return None
    return found.replace(tzinfo=zone) if found is not None and found.tzinfo is None else found
