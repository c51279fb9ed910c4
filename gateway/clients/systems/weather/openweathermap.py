"""OpenWeatherMap, with a key, which stands in the query. Source: its documentation, current weather, 5 day forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from gateway.clients.auth.base import ApiKey
from gateway.clients.client import ApiClient
from gateway.clients.errors import IntegrationError, RateLimited, ResponseInvalid
from gateway.clients.judging import by_status
from gateway.clients.limits import Rate
from gateway.clients.systems.reading import from_epoch, integer, number, part, sequence, text
from gateway.clients.systems.weather.model import Conditions, Place, Sun
from gateway.clients.systems.weather.source import TIMEOUT
from gateway.clients.values import Answer

BASE_URL: Final = "https://api.openweathermap.org/data/2.5"
FREE_RATES: Final = (Rate(60, 60),)
STEP: Final = timedelta(hours=3)


class OpenWeatherMap:
    """A source for current weather, forecasts in steps of three hours for five days, and today's sun.

    `options` are those of `ApiClient`; `rate_limit` is the free plan's unless given.
    """

    name = "openweathermap"

    def __init__(self, key: str, *, base_url: str = BASE_URL, **options: Any) -> None:
        given: dict[str, Any] = {"system": self.name, "timeout": TIMEOUT, "judge": judge, "rate_limit": FREE_RATES}
        self.http = ApiClient(base_url, auth=ApiKey(key, query="appid"), **given | options)

    def current(self, place: Place) -> Conditions:
        document = self._get("/weather", place)
        found = _conditions(document, "1h")
        if found is None or found.temperature is None:
            raise ResponseInvalid(f"{self.name}: the weather now has no time or no temperature")
        return found

    def forecast(self, place: Place, hours: int) -> Sequence[Conditions]:
        steps = -(-hours // 3)
        document = self._get("/forecast", place, cnt=steps)
        found = [_conditions(step, "3h") for step in sequence(part(document, "list"), "list")]
        # A step is told by its end: what falls is of the three hours before it.
        return [replace(one, at=one.at - STEP, ends_at=one.at) for one in found if one is not None][:steps]

    def sun(self, place: Place, days: int) -> Sequence[Sun]:
        document = self._get("/weather", place)
        at, shift = from_epoch(part(document, "dt")), timedelta(seconds=number(part(document, "timezone")) or 0)
        if at is None:
            raise ResponseInvalid(f"{self.name}: the weather now has no time")
        rises, sets = (from_epoch(part(document, "sys", name)) for name in ("sunrise", "sunset"))
        return [Sun((at + shift).date(), rises, sets)]

    def _get(self, path: str, place: Place, **asked: object) -> Any:
        query = {"lat": place.latitude, "lon": place.longitude, "units": "metric"} | asked
        return self.http.json("GET", path, query=query)


def judge(answer: Answer, now: float) -> IntegrationError | None:
    """As the status says, or `cod` in the body, a number or a text, also inside 200."""
    error = by_status(answer, now)
    if error is None:
        try:
            status = integer(part(answer.document, "cod"))
        except ValueError:
            return None
        if status is not None and 400 <= status < 600:
            error = by_status(replace(answer, status=status), now)
    if isinstance(error, RateLimited) and error.retry_after_seconds is None:
        error.retry_after_seconds = 60.0
    return error


def _conditions(step: object, rain_of: str) -> Conditions | None:
    at = from_epoch(part(step, "dt"))
    if at is None:
        return None
    share = number(part(step, "pop"))
    part_of_day = part(step, "sys", "pod")
    return Conditions(
        at=at,
        temperature=number(part(step, "main", "temp")),
        feels_like=number(part(step, "main", "feels_like")),
        humidity_percent=number(part(step, "main", "humidity")),
        pressure_hpa=number(part(step, "main", "pressure")),
        wind_speed=number(part(step, "wind", "speed")),
        wind_gust=number(part(step, "wind", "gust")),
        wind_from_degrees=number(part(step, "wind", "deg")),
        # Left out when nothing falls.
        precipitation=sum(number(part(step, kind, rain_of)) or 0.0 for kind in ("rain", "snow")),
        precipitation_percent=share * 100 if share is not None else None,
        cloud_cover_percent=number(part(step, "clouds", "all")),
        is_day=part_of_day == "d" if part_of_day in {"d", "n"} else None,
        text=text(part(step, "weather", 0, "description")),
    )
