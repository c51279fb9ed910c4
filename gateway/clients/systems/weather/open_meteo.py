"""Open-Meteo, for anywhere on earth, without a key for what is not commerce. Source: its documentation, forecast API.

Times are asked for as seconds since the epoch: its other form has no offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gateway.clients.auth.base import ApiKey
from gateway.clients.client import ApiClient
from gateway.clients.errors import IntegrationError, RateLimited, RequestRefused, ResponseInvalid
from gateway.clients.judging import by_status, failure
from gateway.clients.limits import Rate
from gateway.clients.systems.reading import from_epoch, number, part, sequence
from gateway.clients.systems.weather.model import Conditions, Place, Sun
from gateway.clients.systems.weather.source import TIMEOUT
from gateway.clients.values import Answer
from gateway.clock import MICROSECONDS, Clock, SystemClock

BASE_URL: Final = "https://api.open-meteo.com/v1"
CUSTOMERS_URL: Final = "https://customer-api.open-meteo.com/v1"
MAX_DAYS: Final = 16
FREE_RATES: Final = (Rate(600, 60), Rate(5_000, 3_600), Rate(10_000, 86_400))

_UNITS: Final = {"temperature_unit": "celsius", "wind_speed_unit": "ms", "precipitation_unit": "mm"}
_AT_ONCE: Final = {
    "temperature": "temperature_2m",
    "feels_like": "apparent_temperature",
    "humidity_percent": "relative_humidity_2m",
    "pressure_hpa": "pressure_msl",
    "wind_speed": "wind_speed_10m",
    "wind_from_degrees": "wind_direction_10m",
    "cloud_cover_percent": "cloud_cover",
}
# In an hourly list these are of the hour before the time they stand at.
_OF_THE_HOUR_BEFORE: Final = {
    "wind_gust": "wind_gusts_10m",
    "precipitation": "precipitation",
    "precipitation_percent": "precipitation_probability",
}
_HOUR: Final = timedelta(hours=1)


class OpenMeteo:
    """A source for current weather, forecasts and the sun. With a key it asks the customers' host, without limits of
    ours. `options` are those of `ApiClient`.
    """

    name = "open-meteo"

    def __init__(self, key: str | None = None, *, base_url: str | None = None, **options: Any) -> None:
        given: dict[str, Any] = {"system": self.name, "timeout": TIMEOUT, "judge": judge}
        if key is None:
            given["rate_limit"] = FREE_RATES
        else:
            given["auth"] = ApiKey(key, query="apikey")
        self._clock: Clock = options.get("clock") or SystemClock()
        self.http = ApiClient(base_url or (BASE_URL if key is None else CUSTOMERS_URL), **given | options)

    def current(self, place: Place) -> Conditions:
        names = [*_AT_ONCE.values(), *_OF_THE_HOUR_BEFORE.values(), "weather_code", "is_day"]
        now = part(self._forecast(place, current=",".join(names)), "current")
        at = from_epoch(part(now, "time"))
        if at is None or number(part(now, "temperature_2m")) is None:
            raise ResponseInvalid(f"{self.name}: the weather now has no time or no temperature")
        day = number(now.get("is_day"))
        values: dict[str, Any] = {
            field: number(now.get(name)) for field, name in (_AT_ONCE | _OF_THE_HOUR_BEFORE).items()
        }
        is_day = bool(day) if day is not None else None
        return Conditions(at, is_day=is_day, text=_text(now.get("weather_code")), **values)

    def forecast(self, place: Place, hours: int) -> Sequence[Conditions]:
        names = [*_AT_ONCE.values(), *_OF_THE_HOUR_BEFORE.values(), "weather_code", "is_day"]
        # The hours of today that are over come too, and one after the last is needed.
        days = min(MAX_DAYS, (hours + 1) // 24 + 2)
        hourly = part(self._forecast(place, hourly=",".join(names), forecast_days=days), "hourly")
        times = [from_epoch(time) for time in sequence(part(hourly, "time"), "hourly.time")]
        columns = {name: sequence(part(hourly, name) or [], name) for name in names}
        now = datetime.fromtimestamp(self._clock.now_us() / MICROSECONDS, UTC)
        found = [
            _hour(at, index, columns)
            for index, at in enumerate(times)
            if at is not None and now - _HOUR < at < now + timedelta(hours=hours)
        ]
        return found[:hours]

    def sun(self, place: Place, days: int) -> Sequence[Sun]:
        document = self._forecast(place, daily="sunrise,sunset", forecast_days=min(days, MAX_DAYS))
        offset = timedelta(seconds=number(part(document, "utc_offset_seconds")) or 0)
        found: list[Sun] = []
        for index, time in enumerate(sequence(part(document, "daily", "time"), "daily.time")):
            begins = from_epoch(time)
            if begins is not None:
                rises, sets = (from_epoch(part(document, "daily", name, index)) for name in ("sunrise", "sunset"))
                found.append(Sun((begins + offset).date(), rises, sets))
        return found

    def _forecast(self, place: Place, **asked: object) -> Any:
        query = {"latitude": place.latitude, "longitude": place.longitude, "timezone": "auto", "timeformat": "unixtime"}
        return self.http.json("GET", "/forecast", query=query | _UNITS | asked)


def judge(answer: Answer, now: float) -> IntegrationError | None:
    """An error has `{"error": true, "reason": …}`; a limit is told by its text, and ends with its period."""
    error = by_status(answer, now)
    if isinstance(error, RateLimited) and error.retry_after_seconds is None:
        said = error.call.excerpt.lower()
        period = 86_400 if "daily" in said else 3_600 if "hourly" in said else 60
        error.retry_after_seconds = period - now % period
    if error is None and _is_error(answer):
        return failure(RequestRefused, "the system refuses the request", answer)
    return error


def _is_error(answer: Answer) -> bool:
    try:
        return part(answer.document, "error") is True
    except ValueError:
        return False


def _hour(at: datetime, index: int, columns: dict[str, Sequence[Any]]) -> Conditions:
    def value(name: str, row: int = index) -> float | None:
        return number(columns[name][row]) if row < len(columns[name]) else None

    day = value("is_day")
    values: dict[str, Any] = {field: value(name) for field, name in _AT_ONCE.items()}
    values |= {field: value(name, index + 1) for field, name in _OF_THE_HOUR_BEFORE.items()}
    is_day = bool(day) if day is not None else None
    return Conditions(at, at + _HOUR, is_day=is_day, text=_text(value("weather_code")), **values)


def _text(code: object) -> str:
    found = number(code)
    return _CODES.get(int(found), "") if found is not None else ""


# WMO code table 4677, the part of it that Open-Meteo uses.
_CODES: Final = {
    0: "clear",
    1: "mainly clear",
    2: "partly cloudy",
    3: "overcast",
    45: "fog",
    48: "depositing rime fog",
    51: "light drizzle",
    53: "drizzle",
    55: "dense drizzle",
    56: "light freezing drizzle",
    57: "dense freezing drizzle",
    61: "slight rain",
    63: "rain",
    65: "heavy rain",
    66: "light freezing rain",
    67: "heavy freezing rain",
    71: "slight snow",
    73: "snow",
    75: "heavy snow",
    77: "snow grains",
    80: "slight rain showers",
    81: "rain showers",
    82: "violent rain showers",
    85: "slight snow showers",
    86: "heavy snow showers",
    95: "thunderstorm",
    96: "thunderstorm with slight hail",
    99: "thunderstorm with heavy hail",
}
