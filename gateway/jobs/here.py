"""Jobs that whoever asks for them carries out in its own process, as commands do: no worker is needed, and everybody
sees how far it is.

Killed, a worker goes on with it; interrupted from the keyboard, it is cancelled. Cancelled from elsewhere, it ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.db.lease import new_token
from gateway.db.model import SYSTEM
from gateway.errors import Conflict, GatewayError
from gateway.installation import Installation
from gateway.jobs.attempt import BROKE, BROKEN
from gateway.jobs.interruption import Interruption, JobInterrupted, Reason
from gateway.jobs.kind import Kind, Result
from gateway.jobs.leases import Leases
from gateway.jobs.models import JobState
from gateway.jobs.process_name import process_name
from gateway.jobs.queue.claim import ClaimedJob
from gateway.jobs.queue.held import Outcome, record
from gateway.jobs.request import Holder
from gateway.jobs.run import JobRun, OnProgress
from gateway.jobs.summary import JobSummary
from gateway.tenants.audit import Actor

LOOK_SECONDS = 0.5

_LEFT = {
    Reason.CANCELLED: "job {} was cancelled; what was done stays done",
    Reason.LOST: "the database was away for so long that another process may have job {} by now",
}


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

    Raises what the job's function raises, and `Conflict` when the job was cancelled or is another's.
    """
    holder = Holder(process_name(), new_token(), is_alone)
    asked = ask(holder)
    job = _claimed(asked, holder, actor)
    interruption = Interruption()
    outcome = Outcome(job.held, JobState.CANCELLED)
    with _kept(installation, job, interruption):
        try:
            result = kind.run(JobRun(installation, job, interruption, on_progress=on_progress))
            outcome = Outcome(job.held, JobState.SUCCEEDED, result=None if result is None else dict(result))
        except JobInterrupted as left:
            raise Conflict(_LEFT[left.reason].format(job.id)) from left
        except GatewayError as error:
            outcome = _failed(job, error.code, str(error))
            raise
        except Exception:
            outcome = _failed(job, BROKE, BROKEN)
            raise
        finally:
            with installation.database.write() as connection:
                record(connection, [outcome], now_us=installation.clock.now_us())
    return result


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
