"""What a source of weather can do: each can some of it. Safe to call from any thread; they raise `IntegrationError`.

All give °C, m/s and mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

from gateway.clients.systems.weather.model import Alert, Conditions, Place, Sun
from gateway.clients.transport import Timeout

TIMEOUT: Final = Timeout(call_seconds=15)
"""Shorter than for other systems: another source is waiting."""


@runtime_checkable
class Source(Protocol):
    """A source; `name` is what results and lines call it."""

    name: str


@runtime_checkable
class TellsCurrent(Source, Protocol):
    """Knows the weather now."""

    def current(self, place: Place) -> Conditions:
        """The weather now. Raises `ResponseInvalid` when not even the temperature is told."""
        ...


@runtime_checkable
class TellsForecast(Source, Protocol):
    """Knows the weather to come."""

    def forecast(self, place: Place, hours: int) -> Sequence[Conditions]:
        """In the steps that the source has, from the one that is now, for at most `hours`."""
        ...


@runtime_checkable
class TellsSun(Source, Protocol):
    """Knows when the sun rises and sets."""

    def sun(self, place: Place, days: int) -> Sequence[Sun]:
        """For at most `days` from today on, days of the place."""
        ...


@runtime_checkable
class TellsAlerts(Source, Protocol):
    """Knows the warnings of an authority."""

    def alerts(self, place: Place) -> Sequence[Alert]:
        """Those that hold now."""
        ...
