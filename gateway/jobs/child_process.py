"""A job in a process of its own, as its worker has it: started, told to leave, killed. Blocks one thread meanwhile."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from multiprocessing import Pipe

from gateway.clock import Clock
from gateway.config import Settings
from gateway.jobs.attempt import failed, interrupted
from gateway.jobs.child import Errand
from gateway.jobs.interruption import Interruption
from gateway.jobs.kind import Kind
from gateway.jobs.models import JobState
from gateway.jobs.queue.claim import ClaimedJob
from gateway.jobs.queue.held import Outcome
from gateway.telemetry.logging import get_logger

LOOK_SECONDS = 0.1
# So long it may take to leave the job; then it is killed.
LEAVE_SECONDS = 5.0
NOT_STARTED = "job_not_started"

_log = get_logger(__name__)


def carry_out_in_child(
    settings: Settings, kind: Kind, job: ClaimedJob, interruption: Interruption, clock: Clock
) -> Outcome:
    """Run the job's function in a Python of its own, with the search path of this one and nothing else of it."""
    pipe, theirs = Pipe()
    code = f"import sys; sys.path[:] = {[str(place) for place in sys.path]!r}; "
    code += f"from gateway.jobs.child import serve; serve({theirs.fileno()})"
    with pipe:
        try:
            with theirs:
                # In a session of its own: what a terminal sends is for the worker, which has the job left in order.
                process = subprocess.Popen(  # noqa: S603 (no shell, and the command is ours)
                    [sys.executable, "-c", code],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
        except OSError as fault:
            return failed(kind, job, NOT_STARTED, f"no process could be started: {fault}")
        try:
            with suppress(OSError):
                pipe.send(Errand(settings, kind, job))
            kill_at: float | None = None
            while True:
                # Its end is mostly that of its pipe; a process that it left behind may hold that open.
                is_over = process.poll() is not None
                if is_over or pipe.poll(LOOK_SECONDS):
                    break
                reason = interruption.reason
                if reason is None:
                    continue
                if kill_at is None:
                    kill_at = clock.monotonic() + LEAVE_SECONDS
                    with suppress(OSError):
                        pipe.send(reason)
                elif clock.monotonic() >= kill_at:
                    return interrupted(kind, job, reason)
            with suppress(EOFError, OSError):
                if not is_over or pipe.poll():
                    outcome: Outcome = pipe.recv()
                    return outcome
        finally:
            process.kill()
            code_of_end = process.wait()
    if interruption.reason is not None:
        return interrupted(kind, job, interruption.reason)
    _log.warning("the process of a job died", job_id=job.id, kind=kind.name, exit_code=code_of_end)
    return Outcome(job.held, JobState.PENDING, is_death=True)
