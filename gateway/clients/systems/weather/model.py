"""What weather is, whoever tells it. A value that the source does not tell is None. No I/O.

Sources give °C, m/s and mm; `converted` makes of these what the caller wants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Literal

from gateway.errors import InvalidInput

Temperature = Literal["celsius", "fahrenheit", "kelvin"]
Speed = Literal["m/s", "km/h", "mph", "knots"]
Length = Literal["mm", "inch"]


@dataclass(frozen=True, slots=True)
class Units:
    """Units of temperatures, of wind, and of what falls. Pressure is in hPa, shares in percent, whatever these are."""

    temperature: Temperature = "celsius"
    speed: Speed = "m/s"
    precipitation: Length = "mm"

    def __post_init__(self) -> None:
        for value, known in (
            (self.temperature, _TEMPERATURES),
            (self.speed, _SPEEDS),
            (self.precipitation, _LENGTHS),
        ):
            if value not in known:
                raise InvalidInput(f"there is no unit {value!r} (there is: {', '.join(known)})")


@dataclass(frozen=True, slots=True)
class Place:
    """A point in degrees: north and east are positive."""

    latitude: float
    longitude: float

    def __post_init__(self) -> None:
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 180):
            raise InvalidInput("a latitude is between -90 and 90, a longitude between -180 and 180")


@dataclass(frozen=True, slots=True)
class Conditions:
    """The weather from `at` until `ends_at`, which is None for that of a moment. In the units that were asked for.

    `wind_from_degrees` is clockwise from north. `precipitation` is rain and melted snow in all that time.
    """

    at: datetime
    ends_at: datetime | None = None
    temperature: float | None = None
    feels_like: float | None = None
    humidity_percent: float | None = None
    pressure_hpa: float | None = None
    wind_speed: float | None = None
    wind_gust: float | None = None
    wind_from_degrees: float | None = None
    precipitation: float | None = None
    precipitation_percent: float | None = None
    cloud_cover_percent: float | None = None
    is_day: bool | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Sun:
    """When the sun rises and sets on a day of the place; None where it does not."""

    day: date
    rises_at: datetime | None
    sets_at: datetime | None


@dataclass(frozen=True, slots=True)
class Alert:
    """A warning of an authority, in its own words (Common Alerting Protocol 1.2).

    `replaces` are the ids of those that it updates or cancels.
    """

    id: str
    event: str
    headline: str
    description: str
    instruction: str
    areas: str
    status: str
    message_type: str
    severity: str
    certainty: str
    urgency: str
    sent_at: datetime | None
    effective_at: datetime | None
    onset_at: datetime | None
    expires_at: datetime | None
    ends_at: datetime | None
    replaces: tuple[str, ...] = ()


def converted(conditions: Conditions, units: Units) -> Conditions:
    """`conditions`, which are in °C, m/s and mm, in `units`."""
    temperature, speed, length = (
        _TEMPERATURES[units.temperature],
        _SPEEDS[units.speed],
        _LENGTHS[units.precipitation],
    )
    return replace(
        conditions,
        temperature=_each(conditions.temperature, temperature),
        feels_like=_each(conditions.feels_like, temperature),
        wind_speed=_each(conditions.wind_speed, speed),
        wind_gust=_each(conditions.wind_gust, speed),
        precipitation=_each(conditions.precipitation, length),
    )


def _each(value: float | None, convert: Callable[[float], float]) -> float | None:
    return round(convert(value), 3) if value is not None else None


_TEMPERATURES: Final[Mapping[str, Callable[[float], float]]] = {
    "celsius": lambda value: value,
    "fahrenheit": lambda value: value * 1.8 + 32,
    "kelvin": lambda value: value + 273.15,
}
_SPEEDS: Final[Mapping[str, Callable[[float], float]]] = {
    "m/s": lambda value: value,
    "km/h": lambda value: value * 3.6,
    "mph": lambda value: value / 0.44704,
    "knots": lambda value: value * 3600 / 1852,
}
_LENGTHS: Final[Mapping[str, Callable[[float], float]]] = {
    "mm": lambda value: value,
    "inch": lambda value: value / 25.4,
}
METRIC: Final = Units()
IMPERIAL: Final = Units("fahrenheit", "mph", "inch")
