"""What somebody types while a command works on."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable

STEP_SECONDS = 0.25
LINE_BYTES = 4096


def read_lines(tell: Callable[[str], None], ending: threading.Event) -> None:
    """Tell each line of standard input, in a thread, until `ending` or the end of the input. Nothing without one."""
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError, AttributeError):
        return
    threading.Thread(target=_read, args=(descriptor, tell, ending), name="keyboard", daemon=True).start()


def _read(descriptor: int, tell: Callable[[str], None], ending: threading.Event) -> None:
    # Without Python's buffer, for which the end of the process would wait.
    rest = b""
    while not ending.is_set():
        try:
            if not select.select([descriptor], [], [], STEP_SECONDS)[0]:
                continue
            piece = os.read(descriptor, LINE_BYTES)
        except (OSError, ValueError):
            return
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            tell(line.decode("utf-8", "replace").strip())
