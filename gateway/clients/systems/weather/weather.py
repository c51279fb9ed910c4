"""Weather of several sources: the first that answers tells it.

    weather = Weather([NationalWeatherService(contact="ops@example.com"), OpenMeteo()], units=IMPERIAL)
    weather.current(47.6, -122.3).value.temperature

Whatever is wrong with a source, the next one is asked; what was passed over, and why, is in the result and in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog

from gateway.clients.errors import IntegrationError, Unavailable
from gateway.clients.systems.weather.model import METRIC, Alert, Conditions, Place, Sun, Units, converted
from gateway.clients.systems.weather.source import Source, TellsAlerts, TellsCurrent, TellsForecast, TellsSun
from gateway.errors import InvalidInput

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A source that did not answer, and the error that it gave instead."""

    source: str
    error: IntegrationError


@dataclass(frozen=True, slots=True)
class Report(Generic[Told]):
    """What `source` told; `passed_over` were asked before it."""

    value: Told
    source: str
    units: Units
    passed_over: tuple[PassedOver, ...] = ()


class Weather:
    """Asks `sources` in their order. Safe from any thread.

    Raises `InvalidInput` for a place that is nowhere, and for what none of the sources knows. When all fail: the error
    of the only one, else `Unavailable` when one may answer later, else the first's error.
    """

    def __init__(self, sources: Sequence[Source], *, units: Units = METRIC) -> None:
        if not sources:
            raise ValueError("weather needs at least one source")
        self._sources = tuple(sources)
        self._units = units
        self._log = structlog.get_logger("gateway.clients.weather")

    def current(self, latitude: float, longitude: float, *, units: Units | None = None) -> Report[Conditions]:
        """The weather now."""
        place, units = Place(latitude, longitude), units or self._units
        return self._ask(TellsCurrent, "current weather", lambda source: converted(source.current(place), units), units)

    def forecast(
        self, latitude: float, longitude: float, *, hours: int = 48, units: Units | None = None
    ) -> Report[tuple[Conditions, ...]]:
        """The weather of the next `hours`, in the steps that the source has, and as far as it sees."""
        place, units = Place(latitude, longitude), units or self._units
        if hours < 1:
            raise InvalidInput("a forecast is for at least one hour")
        return self._ask(
            TellsForecast,
            "forecasts",
            lambda source: tuple(converted(one, units) for one in source.forecast(place, hours)),
            units,
        )

    def sun(self, latitude: float, longitude: float, *, days: int = 1) -> Report[tuple[Sun, ...]]:
        """When the sun rises and sets, from today on, as far as the source sees."""
        place = Place(latitude, longitude)
        if days < 1:
            raise InvalidInput("sunrise is asked for at least one day")
        return self._ask(TellsSun, "sunrise", lambda source: tuple(source.sun(place, days)), self._units)

    def alerts(self, latitude: float, longitude: float) -> Report[tuple[Alert, ...]]:
        """The warnings that hold now; none is an answer too."""
        place = Place(latitude, longitude)
        return self._ask(TellsAlerts, "alerts", lambda source: tuple(source.alerts(place)), self._units)

    def _ask(self, able: type[Any], what: str, ask: Callable[[Any], Told], units: Units) -> Report[Told]:
        passed_over: list[PassedOver] = []
        for source in self._sources:
            if not isinstance(source, able):
                continue
            try:
                told = ask(source)
            except IntegrationError as error:
                self._log.warning("passed over a source of weather", source=source.name, asked=what, code=error.code)
                passed_over.append(PassedOver(source.name, error))
                continue
            return Report(told, source.name, units, tuple(passed_over))
        if not passed_over:
            raise InvalidInput(f"none of the sources knows {what}")
        raise failed(passed_over)


def failed(passed_over: Sequence[PassedOver]) -> IntegrationError:
    """What the failures of all sources come to."""
    first = passed_over[0].error
    hopeful = [one.error for one in passed_over if one.error.retryable]
    if len(passed_over) == 1 or not hopeful:
        return first
    waits = [error.retry_after_seconds for error in hopeful if error.retry_after_seconds is not None]
    return Unavailable(
        f"no source of weather answered: {'; '.join(str(one.error) for one in passed_over)}",
        call=first.call,
        retry_after_seconds=min(waits) if len(waits) == len(hopeful) else None,
    )
