"""A sync run from its beginning to its end: what a job calls. Reads what it is asked for, finds what is gone, and ends
with its event; a process that takes the job over goes on where the one before committed last.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from gateway.entities.external import External
from gateway.entities.options import SyncOptions
from gateway.entities.pulling.context import PullFailed, Pulling
from gateway.entities.pulling.deleting import delete_missing, needs_two_absences
from gateway.entities.pulling.named import fetch_named
from gateway.entities.pulling.planning import Overlay
from gateway.entities.pulling.pull import pull_resource
from gateway.entities.runs.course import Course, begin_run, end_run, go_on_with, supersede_held
from gateway.entities.states import RunMode, RunState
from gateway.errors import GatewayError, StorageUnavailable
from gateway.jobs.interruption import JobInterrupted, Reason
from gateway.jobs.run import JobRun
from gateway.telemetry.logging import get_logger
from gateway.tenants.acting import act

THRESHOLD = "deletion_threshold"
TYPE_BROKE = "type_broke"
RUN_SECONDS = 3_600.0

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """What a run is asked to do. `trigger` is what began it (`SyncRun.trigger`). `is_plan`: say what would happen, and
    change nothing. `run_id` is the id that the run gets, where somebody has been told it already. After
    `deadline_seconds` it waits for nothing more.
    """

    mode: RunMode
    trigger: str
    is_plan: bool = False
    run_id: str | None = None
    deadline_seconds: float = RUN_SECONDS


def sync(run: JobRun, external: External, options: SyncOptions, request: SyncRequest) -> Mapping[str, Any]:
    """Carry out a sync, and tell how it ended: `run_id`, `state`, `code`, `message`, `counts`, `held`.

    What an external system does wrong ends the run as failed, and is no error here. Raises `AlreadyRunning`,
    `JobInterrupted`, `StorageUnavailable`.
    """
    course = _begun(run, external, request)
    with ExitStack() as stack:
        overlay = None
        if course.is_plan:
            overlay = Overlay()
            stack.callback(overlay.close)
        pulling = Pulling(
            run=run,
            external=external,
            options=options,
            course=course,
            overlay=overlay,
            ends_at=run.clock.monotonic() + request.deadline_seconds,
        )
        try:
            held = _pull(pulling)
        except JobInterrupted as left:
            _leave(pulling, left.reason)
            raise
        except StorageUnavailable:
            raise
        except GatewayError as error:
            return _ended(pulling, RunState.FAILED, code=_code(error), detail=str(error))
        except KeyboardInterrupt:
            _leave(pulling, Reason.CANCELLED)
            raise
        except Exception as error:
            _log.exception("an integration type broke", integration=external.name, run_id=course.id)
            message = f"the integration type broke ({type(error).__name__}); the log has more"
            return _ended(pulling, RunState.FAILED, code=TYPE_BROKE, detail=message)
        return _done(pulling, held)


def _begun(run: JobRun, external: External, request: SyncRequest) -> Course:
    """The run that this job has begun before, or a new one."""
    with run.begin() as acting:
        before = run.position
        if before is not None and "run" in before:
            course = go_on_with(acting, before["run"])
            if course is not None:
                return course
        course = begin_run(
            acting,
            external,
            mode=request.mode,
            trigger=request.trigger,
            is_plan=request.is_plan,
            job_id=run.id,
            run_id=request.run_id,
        )
        if not request.is_plan:
            run.position = {"run": course.id}
        return course


def _pull(pulling: Pulling) -> Mapping[str, Any] | None:
    """Read all resources, and find what is gone; what is held."""
    for resource in pulling.external.resources:
        if resource.name in pulling.course.position.get("done", ()):
            continue
        if pulling.course.mode is RunMode.CHANGES:
            fetch_named(pulling, resource)
        else:
            pull_resource(pulling, resource)
    return delete_missing(pulling)


def _done(pulling: Pulling, held: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if held is None:
        return _ended(pulling, RunState.SUCCEEDED)
    parts = [f"{one['missing']} of {one['known']} {one['kind']} entities" for one in held["resources"].values()]
    detail = f"{' and '.join(parts)} would be deleted, more than the safety threshold allows"
    state = RunState.SUCCEEDED if pulling.course.is_plan else RunState.HELD
    return _ended(pulling, state, code=THRESHOLD, detail=detail, held=held)


def _ended(
    pulling: Pulling,
    state: RunState,
    *,
    code: str | None = None,
    detail: str | None = None,
    held: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    course, external = pulling.course, pulling.external
    keeping = [one.name for one in external.resources if needs_two_absences(one)]
    if code is not None:
        level = _log.warning if state is not RunState.SUCCEEDED else _log.info
        level("a sync ended", integration=external.name, run_id=course.id, state=state.value, code=code, detail=detail)
    with pulling.run.begin() as acting:
        if state is RunState.SUCCEEDED and not course.is_plan and course.position.get("complete"):
            supersede_held(acting, external.instance_id)
        end_run(acting, external, course, state, code=code, detail=detail, held=held, keeping=keeping)
    return {
        "run_id": course.id,
        "state": state.value,
        "mode": course.mode.value,
        "is_plan": course.is_plan,
        "code": code,
        "message": detail,
        "counts": course.tally.counts,
        "held": None if held is None else dict(held["resources"]),
    }


def _leave(pulling: Pulling, reason: Reason) -> None:
    """Say of the run that it is over, where the job is; the job itself is nobody's to commit in any more."""
    if reason is Reason.CANCELLED:
        state, code, detail = RunState.CANCELLED, "cancelled", "a person stopped it; what was done stays done"
    elif reason is Reason.TIMED_OUT:
        state, code, detail = RunState.FAILED, "deadline_exceeded", "it took longer than it may; what was done stays"
    else:
        return
    run = pulling.run
    assert run.tenant is not None
    with act(run.installation, actor=run.actor, tenant=run.tenant, write=True) as acting:
        end_run(acting, pulling.external, pulling.course, state, code=code, detail=detail)


def _code(error: GatewayError) -> str:
    if isinstance(error, PullFailed):
        return error.slug
    return error.code
