"""What is told of a WebSocket while it lives: a port, its null twin, and structured lines."""

from __future__ import annotations

from typing import Protocol

import structlog

from gateway.clients.errors import IntegrationError


class SocketObserver(Protocol):
    """Told of a client's connections. It raises nothing, and does not block."""

    def opened(self, system: str, number: int) -> None:
        """The client's connection `number`, from 1, stands, and may be used."""
        ...

    def lost(self, system: str, error: IntegrationError, pause_seconds: float | None) -> None:
        """There is no connection; the next is tried after `pause_seconds`, None when it is given up."""
        ...

    def malformed(self, system: str, size_bytes: int, reason: str) -> None:
        """A frame of `size_bytes` could not be read, and was passed over."""
        ...


class NullSocketObserver:
    """Tells nobody."""

    def opened(self, system: str, number: int) -> None:
        return None

    def lost(self, system: str, error: IntegrationError, pause_seconds: float | None) -> None:
        return None

    def malformed(self, system: str, size_bytes: int, reason: str) -> None:
        return None


class SocketLogLines:
    """One line for each."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("gateway.clients")

    def opened(self, system: str, number: int) -> None:
        self._log.info("connected", system=system, connection=number)

    def lost(self, system: str, error: IntegrationError, pause_seconds: float | None) -> None:
        fields = {"system": system, "code": error.code, "reason": str(error)}
        if pause_seconds is None:
            self._log.error("connection given up", **fields)
        else:
            self._log.warning("connection lost; connecting again", pause_seconds=round(pause_seconds, 3), **fields)

    def malformed(self, system: str, size_bytes: int, reason: str) -> None:
        self._log.warning("frame passed over", system=system, size_bytes=size_bytes, reason=reason)
