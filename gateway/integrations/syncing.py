"""What the jobs of an active integration do: opened, synced or pushed, and what came of it taken into its health."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select

from gateway.entities.external import External
from gateway.entities.models import SyncCursor, SyncRun
from gateway.entities.options import SyncOptions
from gateway.entities.pushing.push import push
from gateway.entities.runs.course import AlreadyRunning
from gateway.entities.states import RunMode, RunState
from gateway.entities.store.cursors import are_named
from gateway.entities.syncing import SyncRequest, sync
from gateway.errors import Conflict, GatewayError, StorageUnavailable
from gateway.integrations.bounded import translated
from gateway.integrations.health.checking import interval_of, known
from gateway.integrations.health.observing import of_call, of_run
from gateway.integrations.health.recording import RETRY_AT, instant, note_run, record
from gateway.integrations.models import Integration
from gateway.integrations.opening import Material, material_of, open_instance, options_of, type_of
from gateway.integrations.pipelines.following import follow
from gateway.integrations.requesting import request_push, request_sync, require_active
from gateway.integrations.results import ERROR, SUCCESS, failure, success
from gateway.integrations.type import Action
from gateway.jobs.interruption import JobInterrupted
from gateway.jobs.run import JobRun
from gateway.tenants.acting import Acting

FULL_EVERY: Final = timedelta(days=7)
"""What is synced by changes alone is read whole so often: only that finds what went without a word."""
SCHEDULE: Final = "schedule"
CHANGES: Final = ("created", "updated", "revived", "deleted", "merged")
"""Counts of a run by which entities changed."""

_Work = Callable[[External, SyncOptions], Mapping[str, Any]]


def carry_out_sync(run: JobRun) -> Mapping[str, Any]:
    """Sync the integration of the job. Raises `JobInterrupted`, `StorageUnavailable`."""
    payload = run.payload
    with run.begin(write=False) as acting:
        row = acting.session.get(Integration, payload["integration"])
        if row is None:
            return failure(Conflict("the integration was removed meanwhile")).to_json()
        try:
            if not payload["is_plan"]:
                require_active(row)
        except Conflict as error:
            return failure(error).to_json()
        retry_at = instant(row, RETRY_AT)
        if payload["trigger"] == SCHEDULE and retry_at is not None and acting.now < retry_at:
            return success(f"{row.name} fails again and again: its schedule waits until {retry_at:%H:%M:%S}").to_json()
        request = SyncRequest(
            mode=_mode(acting, row, payload),
            trigger=payload["trigger"],
            is_plan=payload["is_plan"],
            run_id=_run_id(acting, payload["run"]),
        )
        material = material_of(acting.session, run.installation, row)

    def work(external: External, options: SyncOptions) -> Mapping[str, Any]:
        return sync(run, external, options, request)

    try:
        came = _opened(run, material, work, prepares=True)
    except AlreadyRunning as running:
        return success(str(running), already_running=True).to_json()
    except StorageUnavailable:
        raise
    except GatewayError as error:
        _note(run, material, failed=not request.is_plan, code=error.code, message=str(error))
        return failure(error).to_json()
    return _told(run, material, came, is_plan=request.is_plan)


def carry_out_push(run: JobRun) -> Mapping[str, Any]:
    """Send the local edits of the integration of the job; while it is paused they wait."""
    with run.begin(write=False) as acting:
        row = acting.session.get(Integration, run.payload["integration"])
        if row is None:
            return failure(Conflict("the integration was removed meanwhile")).to_json()
        try:
            require_active(row)
        except Conflict as error:
            return failure(error).to_json()
        material = material_of(acting.session, run.installation, row)
    if not options_of(run.installation, material).is_pushing:
        return success("its edits are not sent").to_json()
    try:
        came = _opened(run, material, lambda external, options: push(run, external, options))
    except StorageUnavailable:
        raise
    except GatewayError as error:
        _note(run, material, failed=None, code=error.code, message=str(error))
        raise
    next_at = came.get("next_at")
    if came.get("left") and next_at is not None:
        with run.begin() as acting:
            row = acting.session.get(Integration, material.id)
            if row is not None:
                due = next_at if isinstance(next_at, datetime) else datetime.fromisoformat(next_at)
                request_push(acting, row, due_at=due)
    return {"status": SUCCESS, "redirect": None, "message": "edits were sent", **dict(came)}


def _opened(run: JobRun, material: Material, work: _Work, *, prepares: bool = False) -> Mapping[str, Any]:
    """Open the system and have `work` done with it. What a type raises that none may raise is its defect."""
    type_ = type_of(run.installation, material)
    options = options_of(run.installation, material)
    with open_instance(run.installation, material) as instance:
        try:
            if prepares:
                type_.manage(instance, Action.SYNC)
            external = type_.external(instance)
        except (GatewayError, JobInterrupted):
            raise
        except Exception as error:
            raise translated(error, material.id) from error
        return work(external, options)


def _mode(acting: Acting, row: Integration, payload: Mapping[str, Any]) -> RunMode:
    if payload["mode"] is not None:
        return RunMode(payload["mode"])
    oldest = select(func.min(SyncCursor.full_at)).where(SyncCursor.instance_id == row.id)
    full_at: datetime | None = acting.session.execute(oldest).scalar()
    is_old = full_at is not None and acting.now - full_at > FULL_EVERY
    return RunMode.FULL if is_old else RunMode.INCREMENTAL


def _run_id(acting: Acting, told: str | None) -> str | None:
    """The id that was told to whoever asked; None where a run had it already, and this is another try."""
    is_taken = told is None or acting.session.get(SyncRun, told) is not None
    return None if is_taken else told


def _told(run: JobRun, material: Material, came: Mapping[str, Any], *, is_plan: bool) -> Mapping[str, Any]:
    """How a run ended, as the job's result."""
    state, code = came["state"], came.get("code")
    is_failed = state == RunState.FAILED
    if not is_plan:
        message = came.get("message") or "it answers"
        read = came.get("counts", {}).get("read", 0)
        _note(run, material, failed=is_failed, code=code if is_failed else None, message=message, read=read)
        _followed(run, material, came.get("counts", {}))
    is_done = state == RunState.SUCCEEDED
    message = came.get("message") or f"the sync {'plan ' if is_plan else ''}{state}"
    return {**came, "status": SUCCESS if is_done else ERROR, "message": message, "redirect": None}


def _followed(run: JobRun, material: Material, counts: Mapping[str, Any]) -> None:
    """Have pipelines load what changed."""
    if not any(counts.get(name) for name in CHANGES):
        return
    with run.begin() as acting:
        row = acting.session.get(Integration, material.id)
        if row is not None:
            follow(acting, row)


def _note(
    run: JobRun, material: Material, *, failed: bool | None, code: str | None, message: str, read: int = 0
) -> None:
    """Take what came of it into the integration's health, and have fetched what was named meanwhile."""
    with run.begin() as acting:
        row = acting.session.get(Integration, material.id, with_for_update=True)
        if row is None:
            return
        if read:
            row.data_at = acting.now
        if failed is not None:
            note_run(acting, row, failed=failed, interval_seconds=interval_of(acting, row))
        seen = of_call(code, message) if failed is None else of_run(code, message)
        record(acting, row, [*seen, *known(acting, row)], code=code)
        if failed is False and are_named(acting.session.connection(), row.id):
            request_sync(acting, row, mode=RunMode.CHANGES, trigger="webhook")
