"""What is told of every call, once it is over: a port, its null twin, and one structured line a call."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Protocol

import structlog

from gateway.clients.errors import IntegrationError
from gateway.clients.values import CacheUse


@dataclass(frozen=True, slots=True)
class CallReport:
    """One call with all its tries. `code` is the error's, None when it succeeded.

    `cached` says how a kept answer was given ("fresh": nothing was sent), None for what came just now.
    `path` is the template: neither it nor anything else here holds what was put into the call.
    """

    system: str
    method: str
    host: str
    path: str
    status: int | None
    code: str | None
    tries: int
    waited_seconds: float
    seconds: float
    sent_bytes: int
    received_bytes: int
    request_id: str | None
    cached: CacheUse | None = None


_FIELDS: Final = tuple(field.name for field in fields(CallReport))


class Observer(Protocol):
    """Told of calls. Safe to call from any thread; it raises nothing."""

    def ended(self, report: CallReport) -> None:
        """A call ended."""
        ...

    def paused(self, system: str, seconds: float, error: IntegrationError | None) -> None:
        """A call waits: for another try after `error`, or for its turn under our own limit (None)."""
        ...

    def fell_back(self, system: str, error: IntegrationError) -> None:
        """A call's caller got what he had given for the case of `error`."""
        ...


class NullObserver:
    """Tells nobody."""

    def ended(self, report: CallReport) -> None:
        return None

    def paused(self, system: str, seconds: float, error: IntegrationError | None) -> None:
        return None

    def fell_back(self, system: str, error: IntegrationError) -> None:
        return None


class LogLines:
    """One line a call: at `debug` when it succeeded, at `warning` when it did not."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("gateway.clients")

    def ended(self, report: CallReport) -> None:
        told = {name: value for name in _FIELDS if (value := getattr(report, name)) is not None}
        if report.code is None:
            self._log.debug("called", **told)
        else:
            self._log.warning("call failed", **told)

    def paused(self, system: str, seconds: float, error: IntegrationError | None) -> None:
        return None

    def fell_back(self, system: str, error: IntegrationError) -> None:
        self._log.warning("used the fallback", system=system, code=error.code)
