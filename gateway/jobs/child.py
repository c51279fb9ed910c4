"""What runs inside the process of one job that has a process of its own. The worker's side is `child_process`."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from gateway.config import Settings
from gateway.installation import Installation
from gateway.jobs.attempt import carry_out
from gateway.jobs.interruption import Interruption
from gateway.jobs.kind import Kind
from gateway.jobs.queue.claim import ClaimedJob
from gateway.jobs.run import JobRun
from gateway.telemetry.logging import configure_logging


@dataclass(frozen=True, slots=True)
class Errand:
    """What the process is given: a job, held by its worker, which keeps the lease."""

    settings: Settings
    kind: Kind
    job: ClaimedJob


def serve(descriptor: int) -> None:
    """Carry out one job, tell the outcome, and end. Reasons to leave it come through the pipe."""
    pipe = Connection(descriptor)
    errand: Errand = pipe.recv()
    interruption = Interruption()
    threading.Thread(target=_listen, args=(pipe, interruption), name="worker-watch", daemon=True).start()
    configure_logging(errand.settings, sys.stderr)
    with Installation(errand.settings) as installation:
        outcome = carry_out(errand.kind, errand.job, JobRun(installation, errand.job, interruption))
    with suppress(OSError):
        pipe.send(outcome)


def _listen(pipe: Connection, interruption: Interruption) -> None:
    """Without its worker nobody keeps the lease: the process ends then, whatever it is doing."""
    try:
        while True:
            interruption.interrupt(pipe.recv())
    except (EOFError, OSError):
        os._exit(1)
