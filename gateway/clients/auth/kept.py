"""Keeping a token: asked for once for all threads, used until shortly before it ends, asked for again when refused."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Final

from gateway.clients.auth.base import one_line
from gateway.clock import Clock, SystemClock

EARLY_SECONDS: Final = 60.0
"""A token is not used in its last minute: it would end on the way."""

SHORTEST_SECONDS: Final = 5.0


class KeptToken:
    """The token that `ask` gives, with the seconds that it lasts. A `TokenSource`, safe from any thread.

    It is not used in its last `early_seconds`, nor in its second half where it lasts less than twice as long.
    """

    def __init__(
        self, ask: Callable[[], tuple[str, float]], *, early_seconds: float = EARLY_SECONDS, clock: Clock | None = None
    ) -> None:
        self._ask = ask
        self._early_seconds = early_seconds
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._token = ""
        self._good_until = 0.0
        self._identity = uuid.uuid4().hex

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def identity(self) -> str:
        """All its tokens are those of one credential, which is this object's."""
        return self._identity

    def token(self) -> str:
        """A token that is good now. Raises `AuthenticationFailed` when none is given, and other `IntegrationError`s."""
        if not self._is_good():
            with self._lock:
                if not self._is_good():
                    self._get()
        return self._token

    def renew(self, refused: str) -> bool:
        """Ask for another one, unless somebody did since `refused` was sent."""
        with self._lock:
            if self._token == refused:
                self._get()
        return self._token != refused

    def _is_good(self) -> bool:
        return self._steady() < self._good_until

    def _steady(self) -> float:
        # Not by the wall clock, which may be set while a token is kept.
        return self._clock.monotonic()

    def _get(self) -> None:
        began = self._steady()
        token, seconds = self._ask()
        self._token = one_line(token, "the token")
        self._good_until = began + max(SHORTEST_SECONDS, seconds - self._early_seconds, seconds / 2)
