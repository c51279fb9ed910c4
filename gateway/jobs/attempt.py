"""Carrying out one attempt of a job that is held: whatever happens becomes an outcome."""

from __future__ import annotations

from gateway.errors import GatewayError, InvalidInput, StorageUnavailable
from gateway.jobs.interruption import JobInterrupted, Reason
from gateway.jobs.kind import Kind
from gateway.jobs.models import JobState
from gateway.jobs.queue.claim import ClaimedJob
from gateway.jobs.queue.held import Outcome
from gateway.jobs.run import JobRun
from gateway.telemetry.logging import get_logger

BROKE = "job_broke"
BROKEN = "the gateway failed; its log says how, by the job's id"
TIMED_OUT = "job_timed_out"
# The database is away, or did not take something: that is nobody's failure.
STORAGE_SECONDS = 5.0

_log = get_logger(__name__)


def carry_out(kind: Kind, job: ClaimedJob, run: JobRun) -> Outcome:
    """Run the job's function. Never raises, but for what ends a process."""
    try:
        result = kind.run(run)
    except JobInterrupted as left:
        return interrupted(kind, job, left.reason)
    except StorageUnavailable as error:
        return Outcome(
            job.held, JobState.PENDING, error_code=error.code, error=str(error), wait_seconds=STORAGE_SECONDS
        )
    except InvalidInput as error:
        # What was asked for cannot be done, today or tomorrow.
        return Outcome(job.held, JobState.FAILED, error_code=error.code, error=str(error), is_failure=True)
    except GatewayError as error:
        return failed(kind, job, error.code, str(error))
    except (Exception, SystemExit):
        _log.exception("a job broke; what it did stays done", job_id=job.id, kind=kind.name)
        return failed(kind, job, BROKE, BROKEN)
    return Outcome(job.held, JobState.SUCCEEDED, result=None if result is None else dict(result))


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
