"""Jobs that whoever asks for them carries out in its own process, as commands do: no worker is needed, and everybody
sees how far it is.

Killed, or without its database for too long, a worker goes on with it; interrupted from the keyboard, it is cancelled.
Cancelled from elsewhere, it ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.db.lease import new_token
from gateway.db.model import SYSTEM
from gateway.errors import Conflict, GatewayError, StorageUnavailable
from gateway.installation import Installation
from gateway.jobs.attempt import AWAY, BROKE, BROKEN, interrupted, put_off, succeeded
from gateway.jobs.endings import write_one
from gateway.jobs.interruption import Interruption, JobInterrupted, Reason
from gateway.jobs.kind import Kind, Result
from gateway.jobs.leases import Leases
from gateway.jobs.models import JobState
from gateway.jobs.process_name import process_name
from gateway.jobs.queue.claim import ClaimedJob
from gateway.jobs.queue.held import Outcome
from gateway.jobs.request import Holder
from gateway.jobs.run import JobRun, OnProgress
from gateway.jobs.summary import JobSummary
from gateway.telemetry.logging import get_logger
from gateway.tenants.audit import Actor

LOOK_SECONDS = 0.5

_CANCELLED = "job {} was cancelled; what was done stays done"
_GOES_ON = "job {} is left to a worker, which goes on from what was done"
_ALONE = "job {} has failed, since nobody else can carry it out; ask for it again"

_log = get_logger(__name__)


def carry_out_here(
    installation: Installation,
    kind: Kind,
    ask: Callable[[Holder], JobSummary],
    *,
    actor: Actor,
    on_progress: OnProgress,
    is_alone: bool = False,
) -> Result:
    """Ask for a job with `ask`, which gives the holder to `request_job` and has committed when it returns, and carry it
    out; its result. `is_alone`: nobody else can, because what comes of it is this process's.

    Raises what the job's function raises, `Conflict` when the job was cancelled, and `StorageUnavailable` when the
    database was away: with what becomes of the job.
    """
    holder = Holder(process_name(), new_token(), is_alone)
    asked = ask(holder)
    job = _claimed(asked, holder, actor)
    interruption = Interruption()
    with _kept(installation, job, interruption):
        try:
            outcome = succeeded(job, kind.run(JobRun(installation, job, interruption, on_progress=on_progress)))
        except BaseException as error:
            _end(installation, _outcome(kind, job, error, is_alone=is_alone))
            if isinstance(error, JobInterrupted) and error.reason is Reason.CANCELLED:
                raise Conflict(_CANCELLED.format(job.id)) from error
            if isinstance(error, JobInterrupted | StorageUnavailable):
                left = (_ALONE if is_alone else _GOES_ON).format(job.id)
                why = "the database was away for too long" if isinstance(error, JobInterrupted) else error
                raise StorageUnavailable(f"{why}; {left}") from error
            raise
        write_one(installation.database, installation.clock, outcome)
    return outcome.result


def _end(installation: Installation, outcome: Outcome) -> None:
    """Write down how it ended, where that is possible: whoever asked is to hear of the error that ended it."""
    try:
        write_one(installation.database, installation.clock, outcome)
    except Exception as fault:
        _log.warning("what came of a job could not be recorded", job_id=outcome.held.id, error=str(fault))


def _outcome(kind: Kind, job: ClaimedJob, error: BaseException, *, is_alone: bool) -> Outcome:
    is_cancelled = isinstance(error, JobInterrupted) and error.reason is Reason.CANCELLED
    if isinstance(error, JobInterrupted | StorageUnavailable) and is_alone and not is_cancelled:
        return _failed(job, StorageUnavailable.code, _ALONE.format(job.id))
    if isinstance(error, JobInterrupted):
        return interrupted(kind, job, error.reason)
    if isinstance(error, StorageUnavailable):
        return put_off(job, error.code, AWAY)
    if isinstance(error, GatewayError):
        return _failed(job, error.code, str(error))
    if isinstance(error, Exception):
        return _failed(job, BROKE, BROKEN)
    # From the keyboard.
    return Outcome(job.held, JobState.CANCELLED)


def _failed(job: ClaimedJob, code: str, error: str) -> Outcome:
    return Outcome(job.held, JobState.FAILED, error_code=code, error=error, is_failure=True)


def _claimed(asked: JobSummary, holder: Holder, actor: Actor) -> ClaimedJob:
    return ClaimedJob(
        id=asked.id,
        tenant_id=asked.tenant_id or SYSTEM,
        kind=asked.kind,
        payload=asked.payload,
        position=None,
        attempts_made=0,
        actor=actor,
        request_id=asked.request_id,
        token=holder.token,
    )


@contextmanager
def _kept(installation: Installation, job: ClaimedJob, interruption: Interruption) -> Iterator[None]:
    """A thread keeps the lease inside the block."""
    leases = Leases(installation.database, installation.clock)
    leases.hold(job.held, interruption)
    is_over = threading.Event()

    def keep() -> None:
        while not is_over.wait(LOOK_SECONDS):
            leases.renew_if_due()

    thread = threading.Thread(target=keep, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
