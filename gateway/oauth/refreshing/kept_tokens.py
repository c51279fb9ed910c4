"""Tokens that a process has at hand: opened once, looked after every few seconds, and never for long.

One thread of a process looks and renews for each connection, and all others wait for it. Nothing of it shows a token.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

LOOK_SECONDS: Final = 5.0
"""So long a token is used without asking the database whether it still holds."""
MOST: Final = 10_000
"""Tokens in the memory of a process."""
TRUST_SECONDS: Final = 300.0
"""A token that was got because the one before was refused is not renewed for a refusal again within this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A token that is good now, as far as is known. `expires_at_us`: microseconds since the epoch, None for no end."""

    value: str = field(repr=False)
    expires_at_us: int | None
    version: int


@dataclass(frozen=True, slots=True)
class _Kept:
    token: AccessToken
    look_at: float
    good_until: float | None


class KeptTokens:
    """By the steady clock, in seconds: the wall clock may be set meanwhile. Safe to use from any thread."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._tokens: dict[str, _Kept] = {}
        self._trusted: dict[str, tuple[int, float]] = {}
        self._guard = threading.Lock()
        # Connections that a thread is at, each with the gates of those that wait for it.
        self._turns: dict[str, list[threading.Lock]] = {}

    def get(self, connection_id: str, steady: float) -> AccessToken | None:
        """The token, where it may be used without another look."""
        kept = self._tokens.get(connection_id)
        if kept is None or steady >= kept.look_at or (kept.good_until is not None and steady >= kept.good_until):
            return None
        return kept.token

    def put(self, connection_id: str, token: AccessToken, steady: float, good_seconds: float | None) -> None:
        """Keep `token`, which the database was just asked about; `good_seconds` None: it has no end."""
        kept = _Kept(token, steady + LOOK_SECONDS, None if good_seconds is None else steady + good_seconds)
        with self._guard:
            self._place(self._tokens, connection_id, kept)

    def trust(self, connection_id: str, version: int, steady: float) -> None:
        """The tokens of `version` were got because those before were refused."""
        with self._guard:
            self._place(self._trusted, connection_id, (version, steady + TRUST_SECONDS))

    def is_trusted(self, connection_id: str, version: int, steady: float) -> bool:
        """Whether who refuses the tokens of `version` cannot mean the tokens: they were just got for that."""
        trusted, until = self._trusted.get(connection_id, (None, 0.0))
        return version == trusted and steady < until

    def forget(self, connection_id: str) -> None:
        """Let go of it."""
        with self._guard:
            self._tokens.pop(connection_id, None)

    @contextmanager
    def turn(self, connection_id: str) -> Iterator[bool]:
        """Whether it is this thread's turn to look and renew; if not, that of another is over by now."""
        with self._guard:
            waiting = self._turns.get(connection_id)
            gate = threading.Lock()
            if waiting is None:
                mine = self._turns[connection_id] = []
            else:
                gate.acquire()
                waiting.append(gate)
        if waiting is not None:
            # A gate of its own, so that all go on at once: one lock for all would be handed from one to the next.
            gate.acquire()
            yield False
            return
        try:
            yield True
        finally:
            with self._guard:
                del self._turns[connection_id]
            for one in mine:
                one.release()

    @contextmanager
    def alone(self, connection_id: str) -> Iterator[None]:
        """One thread after the other, for one connection."""
        while True:
            with self.turn(connection_id) as is_mine:
                if is_mine:
                    yield
                    return

    def _place(self, among: dict[str, Any], connection_id: str, value: object) -> None:
        among.pop(connection_id, None)
        while len(among) >= self._most:
            del among[next(iter(among))]
        among[connection_id] = value
