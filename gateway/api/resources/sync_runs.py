"""`/sync-runs`: what each sync did, and deciding those that wait for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest
from gateway.entities.runs.schema import SyncRunQuerySchema, SyncRunSchema
from gateway.entities.runs.summary import SyncRunSummary
from gateway.entities.states import RunState
from gateway.integrations import sync_runs
from gateway.tenants.acting import Acting
from gateway.tenants.api_keys.scopes import Scope

READ, WRITE = Scope.INTEGRATIONS_READ, Scope.INTEGRATIONS_WRITE
COUNTS: Mapping[str, Any] = {
    "read": 480,
    "created": 2,
    "updated": 7,
    "revived": 0,
    "deleted": 1,
    "unchanged": 471,
    "conflicts": 0,
    "merged": 0,
    "quarantined": 0,
    "repaired": 0,
    "discarded": 0,
    "duplicates": 0,
    "missing": 1,
    "kept": 0,
    "pages": 5,
    "requests": 5,
    "fields": {"email": 6, "name": 1},
    "waited_seconds": 0.0,
}
DONE: Mapping[str, Any] = {
    "id": "run_06bk7e8v3s9p41pf7j0q5m2c8g",
    "integration": "crm",
    "instance_id": "int_06bk7e8v3s9p41pf7j0q5m2c8g",
    "job_id": "job_06bk7e8v3s9p41pf7j0q5m2c8g",
    "mode": "full",
    "trigger": "schedule",
    "is_plan": False,
    "state": "succeeded",
    "counts": COUNTS,
    "errors": [],
    "held": None,
    "plan": None,
    "error_code": None,
    "error": None,
    "started_at": "2026-11-27T12:00:00.000Z",
    "ended_at": "2026-11-27T12:00:04.250Z",
    "duration_seconds": 4.25,
}
HELD_OF = {"contacts": {"kind": "contact", "known": 480, "missing": 480, "sample": ["1001", "1002"]}}
HELD: Mapping[str, Any] = {
    **DONE,
    "state": "held",
    "counts": {**COUNTS, "read": 0, "created": 0, "updated": 0, "deleted": 0, "unchanged": 0, "missing": 480},
    "held": {"resources": HELD_OF},
    "error_code": "deletion_threshold",
    "error": "480 of 480 contact entities would be deleted, more than the safety threshold allows",
}
CONFIRMED: Mapping[str, Any] = {
    **HELD,
    "state": "running",
    "held": {"resources": HELD_OF, "confirmed_by": "ci"},
    "error_code": None,
    "error": None,
    "ended_at": None,
    "duration_seconds": None,
}
REJECTED: Mapping[str, Any] = {
    **HELD,
    "state": "rejected",
    "held": {"resources": HELD_OF, "rejected_by": "ci"},
}

resource = Resource("sync-runs", "What each sync read and changed, and those that wait for a person.")


@resource.list("/sync-runs", scope=READ, query=SyncRunQuerySchema, answer=SyncRunSchema, example=DONE)
def list_sync_runs(acting: Acting, query: Mapping[str, Any], page: PageRequest) -> Page[SyncRunSummary]:
    """List sync runs, newest first."""
    state = None if query["state"] is None else RunState(query["state"])
    return sync_runs.find_sync_runs(
        acting, page, integration=query["integration"], state=state, is_plan=query["is_plan"]
    )


@resource.get("/sync-runs/<sync_run>", scope=READ, answer=SyncRunSchema, example=HELD)
def show_sync_run(acting: Acting, sync_run: str) -> SyncRunSummary:
    """Show a sync run, with its results so far."""
    return sync_runs.show_sync_run(acting, sync_run)


@resource.post("/sync-runs/<sync_run>/confirm", scope=WRITE, answer=SyncRunSchema, example=CONFIRMED)
def confirm_sync_run(acting: Acting, sync_run: str) -> SyncRunSummary:
    """Have what the run has held deleted, by a worker.

    Nothing else is deleted: what came back, or was edited here meanwhile, stays.
    """
    return sync_runs.confirm_sync_run(acting, sync_run)


@resource.post("/sync-runs/<sync_run>/reject", scope=WRITE, answer=SyncRunSchema, example=REJECTED)
def reject_sync_run(acting: Acting, sync_run: str) -> SyncRunSummary:
    """Delete nothing of what the run has held. The next full pull looks again."""
    return sync_runs.reject_sync_run(acting, sync_run)
