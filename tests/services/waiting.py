"""Waiting for a condition with a deadline, instead of sleeping and hoping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

# Generous, because the machine may be busy with other things; a green test does not use it up.
DEADLINE_SECONDS = 60.0


def until(
    condition: Callable[[], Value],
    what: str | Callable[[], object],
    *,
    timeout_seconds: float = DEADLINE_SECONDS,
    every_seconds: float = 0.05,
) -> Value:
    """The first true value of `condition`. Raises `AssertionError` with `what` when there is none in time."""
    pause = threading.Event()
    ends_at = time.monotonic() + timeout_seconds
    while not (value := condition()):
        if time.monotonic() > ends_at:
            shown = what if isinstance(what, str) else str(what())[-8000:]
            raise AssertionError(f"not within {timeout_seconds:g} s: {shown}")
        pause.wait(every_seconds)
    return value
