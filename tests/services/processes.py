"""Waiting for what other processes do, with a deadline."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.services.waiting import DEADLINE_SECONDS


def wait_until(holds: Callable[[], bool], *, seconds: float = DEADLINE_SECONDS, pause_seconds: float = 0.02) -> None:
    """Return as soon as `holds`; fail when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        pause.wait(pause_seconds)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not yet collected does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
