"""What ZoneMinder tells of monitors, recorded events and run states → what they are here. Pure.

Its ids are numbers that begin at 1 in each list: those of monitors stand as they are, the others have the list's name
before them (`event-17`, `state-Night`), so that a key means one thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, TypeVar

from gateway.clients.errors import ResponseInvalid
from gateway.clients.systems.zoneminder_values import (
    AlarmState,
    Event,
    Monitor,
    State,
    event_of,
    monitor_of,
    state_of,
)
from gateway.entities.external import Mapped, RecordInvalid
from gateway.errors import Fault

EVENT: Final = "event-"
STATE: Final = "state-"
Value = TypeVar("Value", Monitor, Event, State)


@dataclass(frozen=True, slots=True)
class WatchedMonitor:
    """A monitor and how its alarm is, None where nobody asked or nothing captures for it."""

    monitor: Monitor
    alarm: AlarmState | None


def monitor_entity(raw: Any) -> Mapped:
    """Of a record with `Monitor` and `alarm` (a name of `AlarmState`, or None). Raises `RecordInvalid`."""
    monitor = _read(monitor_of, raw)
    alarm = raw.get("alarm") if isinstance(raw, Mapping) else None
    attributes: dict[str, Any] = {
        "function": None if monitor.function is None else monitor.function.value,
        "is_enabled": monitor.is_enabled,
        "capturing": monitor.capturing,
        "analysing": monitor.analysing,
        "recording": monitor.recording,
        "type": monitor.type,
        "width": monitor.width,
        "height": monitor.height,
        "alarm": alarm if isinstance(alarm, str) else None,
    }
    return Mapped(
        integration_id=str(monitor.id),
        name=monitor.name or f"Monitor {monitor.id}",
        attributes=attributes,
        state=monitor.status or None,
    )


def event_entity(raw: Any, zone: tzinfo) -> Mapped:
    """Of a record with `Event`. Its monitor is its parent. Raises `RecordInvalid`."""
    event = _read(lambda record: event_of(record, zone), raw)
    attributes = {
        "cause": event.cause,
        "notes": event.notes,
        "starts_at": _written(event.starts_at),
        "ends_at": _written(event.ends_at),
        "length_seconds": event.length_seconds,
        "frames": event.frames,
        "alarm_frames": event.alarm_frames,
        "total_score": event.total_score,
        "max_score": event.max_score,
        "is_archived": event.is_archived,
    }
    return Mapped(
        integration_id=f"{EVENT}{event.id}",
        name=event.name or f"Event {event.id}",
        attributes=attributes,
        state="recording" if event.ends_at is None else "recorded",
        state_at=event.ends_at or event.starts_at,
        parent=None if event.monitor_id is None else str(event.monitor_id),
    )


def state_entity(raw: Any) -> Mapped:
    """Of a record with `State`. Raises `RecordInvalid`."""
    state = _read(state_of, raw)
    return Mapped(
        integration_id=f"{STATE}{state.name}",
        name=state.name,
        attributes={"is_active": state.is_active},
        state="active" if state.is_active else "inactive",
    )


def number_in(integration_id: str, prefix: str = "") -> int | None:
    """The number that ZoneMinder knows it by; None for an id that is none of its own."""
    found = integration_id.removeprefix(prefix)
    is_number = found.isascii() and found.isdigit() and integration_id.startswith(prefix)
    return int(found) if is_number else None


def _read(read: Any, raw: Any) -> Any:
    try:
        return read(raw)
    except ResponseInvalid as error:
        raise RecordInvalid(faults=[Fault("", "malformed", str(error))]) from error


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
