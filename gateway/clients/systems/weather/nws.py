"""The National Weather Service of the US: forecasts and alerts, for places in the US. Source: api.weather.gov, FAQ and
OpenAPI document.

A place is resolved to a cell of the grid of a forecast office, which is remembered: it rarely changes, and a cell that
is gone is resolved again.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from gateway.clients.client import ApiClient
from gateway.clients.errors import IntegrationError, RateLimited, RemoteNotFound, ResponseInvalid
from gateway.clients.judging import by_status
from gateway.clients.systems.reading import from_iso, integer, mapping, number, part, sequence, text
from gateway.clients.systems.weather.model import Alert, Conditions, Place
from gateway.clients.systems.weather.source import TIMEOUT
from gateway.clients.values import Answer
from gateway.outgoing.user_agent import PRODUCT

BASE_URL: Final = "https://api.weather.gov"
MAX_CELLS: Final = 10_000
LIMIT_SECONDS: Final = 5.0
"""How long its limit lasts, which it does not tell."""

_SPEED = re.compile(r"(\d+(?:\.\d+)?)\s*(mph|km/h)", re.ASCII)
_MS: Final = {"mph": 0.44704, "km/h": 1 / 3.6, "wmoUnit:km_h-1": 1 / 3.6, "wmoUnit:m_s-1": 1.0}
_WINDS: Final = (
    *("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE"),
    *("S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the grid of a forecast office."""

    office: str
    x: int
    y: int


class NationalWeatherService:
    """A source for forecasts by the hour, the weather now as its forecast has it, and alerts.

    `contact` is how the service reaches whoever asks, an address of mail or of a page: it refuses calls without one.
    `options` are those of `ApiClient`.
    """

    name = "nws"

    def __init__(self, *, contact: str, base_url: str = BASE_URL, **options: Any) -> None:
        if not contact.strip():
            raise ValueError("the weather service wants a contact: an address of mail, or of a page")
        headers = {"User-Agent": f"{PRODUCT} ({contact})", "Accept": "application/geo+json"}
        given: dict[str, Any] = {"system": self.name, "timeout": TIMEOUT, "judge": judge, "headers": headers}
        self.http = ApiClient(base_url, **given | options)
        self._lock = threading.Lock()
        self._cells: dict[str, Cell] = {}

    def current(self, place: Place) -> Conditions:
        found = self.forecast(place, 1)
        if not found or found[0].temperature is None:
            raise ResponseInvalid(f"{self.name}: the forecast has no temperature for this hour")
        return found[0]

    def forecast(self, place: Place, hours: int) -> Sequence[Conditions]:
        point = written(place)
        known = self._cells.get(point)
        try:
            document = self._hourly(known or self._resolve(point))
        except RemoteNotFound:
            if known is None:
                raise
            document = self._hourly(self._resolve(point))
        periods = sequence(part(document, "properties", "periods"), "properties.periods")
        found = [one for period in periods if (one := _period(period)) is not None]
        return [one for one in found if one.at < found[0].at + timedelta(hours=hours)]

    def alerts(self, place: Place) -> Sequence[Alert]:
        document = self._get("/alerts/active", query={"point": written(place)})
        return [_alert(feature) for feature in sequence(part(document, "features"), "features")]

    def _hourly(self, cell: Cell) -> Any:
        parameters = {"office": cell.office, "x": cell.x, "y": cell.y}
        # A parameter that it does not know is refused.
        return self._get("/gridpoints/{office}/{x},{y}/forecast/hourly", parameters, query={"units": "si"})

    def _resolve(self, point: str) -> Cell:
        latitude, _, longitude = point.partition(",")
        found = self._get("/points/{latitude},{longitude}", {"latitude": latitude, "longitude": longitude})
        office, x, y = (part(found, "properties", name) for name in ("gridId", "gridX", "gridY"))
        if not text(office) or integer(x) is None or integer(y) is None:
            raise ResponseInvalid(f"{self.name}: a point has no cell of the grid")
        cell = Cell(text(office), integer(x) or 0, integer(y) or 0)
        with self._lock:
            self._cells.pop(point, None)
            self._cells[point] = cell
            if len(self._cells) > MAX_CELLS:
                del self._cells[next(iter(self._cells))]
        return cell

    def _get(self, path: str, parameters: dict[str, object] | None = None, **options: Any) -> Any:
        # Not as plain JSON, which is what the client asks for unless told.
        return self.http.json("GET", path, parameters, headers={"Accept": "application/geo+json"}, **options)


def judge(answer: Answer, now: float) -> IntegrationError | None:
    """As the status says; its limit is over soon, and its support asks for the correlation id."""
    error = by_status(answer, now)
    if error is None:
        return None
    if isinstance(error, RateLimited) and error.retry_after_seconds is None:
        error.retry_after_seconds = LIMIT_SECONDS
    try:
        correlation = text(part(answer.document, "correlationId"))
    except ValueError:
        return error
    if error.call.request_id is None and correlation:
        error.call = replace(error.call, request_id=correlation[:200])
    return error


def written(place: Place) -> str:
    """A point as the service takes it: at most four decimals, no zeros behind them (it redirects others)."""
    # Adding 0 makes 0 of -0.
    return ",".join(f"{round(value, 4) + 0:.4f}".rstrip("0").rstrip(".") for value in (place.latitude, place.longitude))


def _period(period: object) -> Conditions | None:
    at = from_iso(part(period, "startTime"))
    if at is None:
        return None
    is_day = part(period, "isDaytime")
    return Conditions(
        at=at,
        ends_at=from_iso(part(period, "endTime")),
        temperature=_temperature(part(period, "temperature"), part(period, "temperatureUnit")),
        humidity_percent=number(part(period, "relativeHumidity", "value")),
        wind_speed=_speed(part(period, "windSpeed")),
        wind_gust=_speed(part(period, "windGust")),
        wind_from_degrees=_degrees(part(period, "windDirection")),
        precipitation_percent=number(part(period, "probabilityOfPrecipitation", "value")),
        is_day=is_day if isinstance(is_day, bool) else None,
        text=text(part(period, "shortForecast")),
    )


def _temperature(value: object, unit: object) -> float | None:
    # A number with its unit beside it, or both in an object (header Feature-Flags: forecast_temperature_qv).
    found = number(value if not isinstance(value, dict) else value.get("value"))
    unit = text(unit if not isinstance(value, dict) else value.get("unitCode"))
    return (found - 32) / 1.8 if found is not None and unit.endswith("F") else found


def _speed(value: object) -> float | None:
    if isinstance(value, dict):
        found, factor = number(value.get("maxValue", value.get("value"))), _MS.get(text(value.get("unitCode")))
        return found * factor if found is not None and factor is not None else None
    # "5 to 10 mph": the stronger one.
    matched = _SPEED.search(text(value))
    return float(matched[1]) * _MS[matched[2]] if matched is not None else None


def _degrees(value: object) -> float | None:
    return _WINDS.index(value) * 22.5 if isinstance(value, str) and value in _WINDS else None


def _alert(feature: object) -> Alert:
    told = mapping(part(feature, "properties"), "an alert")
    references = told.get("references")
    return Alert(
        id=text(told.get("id")),
        event=text(told.get("event")),
        headline=text(told.get("headline")),
        description=text(told.get("description")),
        instruction=text(told.get("instruction")),
        areas=text(told.get("areaDesc")),
        status=text(told.get("status")),
        message_type=text(told.get("messageType")),
        severity=text(told.get("severity")),
        certainty=text(told.get("certainty")),
        urgency=text(told.get("urgency")),
        sent_at=from_iso(told.get("sent")),
        effective_at=from_iso(told.get("effective")),
        onset_at=from_iso(told.get("onset")),
        expires_at=from_iso(told.get("expires")),
        ends_at=from_iso(told.get("ends")),
        replaces=tuple(text(part(one, "identifier")) for one in (references if isinstance(references, list) else ())),
    )
