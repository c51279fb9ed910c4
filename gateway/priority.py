"""How urgently threads want the core. What nobody waits for steps back behind the threads that answer webhooks."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

NICENESS = 10


def step_back(niceness: int = NICENESS) -> None:
    """Let this thread get the core after others; `niceness` as of nice(2), never less than it has. Where threads have
    no priority of their own, nothing changes.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # A system that forbids it still serves.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, max(niceness, os.getpriority(os.PRIO_PROCESS, thread)))
