"""Carrying out one attempt of a job that is held: whatever happens becomes an outcome."""

from __future__ import annotations

import json

from gateway.errors import GatewayError, InvalidInput, StorageUnavailable
from gateway.jobs.interruption import JobInterrupted, Reason
from gateway.jobs.kind import Kind, Result
from gateway.jobs.models import JobState
from gateway.jobs.queue.claim import ClaimedJob
from gateway.jobs.queue.held import Outcome
from gateway.jobs.run import JobRun
from gateway.telemetry.logging import get_logger

BROKE = "job_broke"
BROKEN = "the gateway failed; its log says how, by the job's id"
TIMED_OUT = "job_timed_out"
MOST_RESULT_BYTES = 65_536
# The database is away, or there is no thread: that is nobody's failure.
AGAIN_SECONDS = 5.0

AWAY = "the database was not available; the job goes on by itself"

_log = get_logger(__name__)


class UnstorableResult(GatewayError):
    """What the job's function returned cannot be kept. What it did stays done."""

    code = "result_not_storable"


def carry_out(kind: Kind, job: ClaimedJob, run: JobRun) -> Outcome:
    """Run the job's function. Never raises, but for what ends a process."""
    try:
        outcome = succeeded(job, kind.run(run))
    except JobInterrupted as left:
        return interrupted(kind, job, left.reason)
    except StorageUnavailable as error:
        # Tenants read what is kept of it: where the database is, and whose it is, is for the log.
        _log.warning(
            "the database was away from a job; it goes on later", job_id=job.id, kind=kind.name, error=str(error)
        )
        return put_off(job, error.code, AWAY)
    except (InvalidInput, UnstorableResult) as error:
        # What was asked for cannot be done, today or tomorrow; or all of it is done.
        return Outcome(job.held, JobState.FAILED, error_code=error.code, error=str(error), is_failure=True)
    except GatewayError as error:
        return failed(kind, job, error.code, str(error))
    except (Exception, SystemExit):
        _log.exception("a job broke; what it did stays done", job_id=job.id, kind=kind.name)
        return failed(kind, job, BROKE, BROKEN)
    return outcome


def succeeded(job: ClaimedJob, result: Result) -> Outcome:
    """A job that is done. Raises `UnstorableResult`."""
    try:
        kept = None if result is None else dict(result)
        size = len(json.dumps(kept, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise UnstorableResult(f"it is done, but its result is not JSON: {error}") from error
    if size > MOST_RESULT_BYTES:
        raise UnstorableResult(f"it is done, but its result has {size} bytes; {MOST_RESULT_BYTES} are kept at most")
    return Outcome(job.held, JobState.SUCCEEDED, result=kept)


def put_off(job: ClaimedJob, code: str | None = None, error: str | None = None) -> Outcome:
    """A job that goes on a little later, through no failure of its own."""
    return Outcome(job.held, JobState.PENDING, error_code=code, error=error, wait_seconds=AGAIN_SECONDS)


def interrupted(kind: Kind, job: ClaimedJob, reason: Reason) -> Outcome:
    """What becomes of a job that was left."""
    if reason is Reason.TIMED_OUT:
        return failed(kind, job, TIMED_OUT, f"took longer than {kind.timeout_seconds:g} s")
    if reason is Reason.CANCELLED:
        return Outcome(job.held, JobState.CANCELLED)
    return Outcome(job.held, JobState.PENDING)


def failed(kind: Kind, job: ClaimedJob, code: str, error: str) -> Outcome:
    """An attempt that failed: to be tried again while the kind has tries left."""
    tries_left = job.attempts_made < len(kind.retry_seconds)
    wait_seconds = kind.retry_seconds[job.attempts_made] if tries_left else 0.0
    state = JobState.PENDING if tries_left else JobState.FAILED
    return Outcome(job.held, state, error_code=code, error=error, is_failure=True, wait_seconds=wait_seconds)
