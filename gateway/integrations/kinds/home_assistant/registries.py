"""The registries of one Home Assistant, which only its WebSocket API tells, kept for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from gateway.clients.errors import AuthorizationFailed, RequestRefused
from gateway.clients.loop_thread import LoopThread
from gateway.clients.systems.home_assistant_socket import HomeAssistantSocket
from gateway.clock import Clock
from gateway.integrations.kinds.home_assistant.records import Registries

KEPT_SECONDS: Final = 60.0
READ_SECONDS: Final = 30.0


class KeptRegistries:
    """Asked by one connection, kept for a minute: rooms change rarely, and states all the time. Safe from any thread.

    A user who may not read them has entities without areas.
    """

    def __init__(self, socket: Callable[[], HomeAssistantSocket], clock: Clock) -> None:
        self._socket = socket
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: Registries | None = None
        self._until = 0.0

    def __call__(self) -> Registries:
        with self._lock:
            if self._kept is None or self._clock.monotonic() >= self._until:
                self._kept = self._read()
                self._until = self._clock.monotonic() + KEPT_SECONDS
            return self._kept

    def forget(self) -> None:
        """They are others now."""
        with self._lock:
            self._kept = None

    def _read(self) -> Registries:
        with LoopThread() as loop:
            return loop.run(self._asked(), timeout_seconds=READ_SECONDS)

    async def _asked(self) -> Registries:
        async with self._socket() as home:
            try:
                entities, devices, areas = [await home.registry(name) for name in ("entity", "device", "area")]
            except (AuthorizationFailed, RequestRefused):
                return Registries()
        return Registries.of(entities, devices, areas)
