"""Places, their weather and its warnings, as a sync reads them. All of it is read-only, and asked anew each time."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final

from gateway.clients.systems.weather.model import Alert
from gateway.clients.systems.weather.weather import Weather
from gateway.entities.external import Abilities, Cursor, Mapped, Position, Raw, RecordInvalid, RemotePage
from gateway.errors import Fault
from gateway.integrations.kinds.read_only import ReadOnly

_NOT_IN_IDS: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Location:
    """A place with a name. `id` is made of the name."""

    name: str
    latitude: float
    longitude: float

    @property
    def id(self) -> str:
        """What its entities' ids are made of."""
        return _NOT_IN_IDS.sub("-", self.name.casefold()).strip("-") or "place"


class _PerLocation(ReadOnly, ABC):
    """A page for each location, so that a reading that was left goes on with the next one."""

    def __init__(self, weather: Weather, locations: Sequence[Location]) -> None:
        self._weather = weather
        self._locations = {one.id: one for one in locations}

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        ids = sorted(self._locations)
        rest = [one for one in ids if at is None or one > str(at["after"])]
        if not rest:
            yield RemotePage(records=(), next=None, requests=0)
        for number, one in enumerate(rest, start=1):
            records = self._asked(self._locations[one])
            yield RemotePage(records=records, next=None if number == len(rest) else {"after": one})

    def identify(self, raw: Raw) -> str | None:
        found = raw.get("id") if isinstance(raw, Mapping) else None
        return found if isinstance(found, str) else None

    def map(self, raw: Raw) -> Mapped:
        integration_id = self.identify(raw)
        if integration_id is None:
            raise RecordInvalid(faults=[Fault("id", "missing", "the record has no id")])
        return self._mapped(integration_id, raw)

    @abstractmethod
    def _asked(self, location: Location) -> Sequence[Raw]: ...

    @abstractmethod
    def _mapped(self, integration_id: str, raw: Mapping[str, Any]) -> Mapped: ...


class Locations(_PerLocation):
    """The places themselves, with the hours of their sun where a source tells them."""

    name = "locations"
    kind = "location"
    abilities = Abilities(looks_up=True)

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        return {one: self._asked(self._locations[one])[0] if one in self._locations else None for one in ids}

    def _asked(self, location: Location) -> Sequence[Raw]:
        return [{"id": location.id, **asdict(location)}]

    def _mapped(self, integration_id: str, raw: Mapping[str, Any]) -> Mapped:
        where = {"latitude": raw.get("latitude"), "longitude": raw.get("longitude")}
        return Mapped(integration_id=integration_id, name=raw.get("name"), attributes=where)


class ConditionsNow(_PerLocation):
    """The weather of each place now. Its entity belongs to the place."""

    name = "conditions"
    kind = "conditions"
    abilities = Abilities(looks_up=True)

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        known = {_conditions_id(one): one for one in self._locations.values()}
        return {one: self._asked(known[one])[0] if one in known else None for one in ids}

    def _asked(self, location: Location) -> Sequence[Raw]:
        report = self._weather.current(location.latitude, location.longitude)
        told = _plain(asdict(report.value))
        units = asdict(report.units)
        record = {"id": _conditions_id(location), "location": location.id, "name": location.name}
        return [{**record, "source": report.source, "units": units, "conditions": told}]

    def _mapped(self, integration_id: str, raw: Mapping[str, Any]) -> Mapped:
        told = raw.get("conditions")
        if not isinstance(told, Mapping):
            raise RecordInvalid(faults=[Fault("conditions", "missing", "the record has no conditions")])
        # The instant at which it was asked is none of the weather: alone it is no change.
        attributes = {name: value for name, value in told.items() if name not in {"at", "ends_at", "text"}}
        return Mapped(
            integration_id=integration_id,
            name=raw.get("name"),
            attributes={**attributes, "source": raw.get("source"), "units": raw.get("units")},
            state=told.get("text") or None,
            state_at=_instant(told.get("at")),
            parent=raw.get("location"),
        )


class Alerts(_PerLocation):
    """The warnings that hold now. They come and go by themselves."""

    name = "alerts"
    kind = "alert"
    abilities = Abilities(is_transient=True)

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        return {}

    def _asked(self, location: Location) -> Sequence[Raw]:
        found = self._weather.alerts(location.latitude, location.longitude).value
        return [{"location": location.id, **_plain(asdict(one))} for one in found if _holds(one)]

    def _mapped(self, integration_id: str, raw: Mapping[str, Any]) -> Mapped:
        columns = {"id", "location", "headline"}
        return Mapped(
            integration_id=integration_id,
            name=raw.get("headline") or raw.get("event"),
            attributes={name: value for name, value in raw.items() if name not in columns},
            state=raw.get("severity") or None,
            state_at=_instant(raw.get("sent_at")),
            parent=raw.get("location"),
        )


def _holds(alert: Alert) -> bool:
    return alert.message_type != "Cancel"


def _conditions_id(location: Location) -> str:
    return f"{location.id}-now"


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same as JSON has it."""
    return {name: _plain_value(value) for name, value in document.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _instant(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
