"""What tells people which process holds a job."""

from __future__ import annotations

import os
import socket


def process_name() -> str:
    """The machine and the process."""
    return f"{socket.gethostname()}:{os.getpid()}"
