"""Asking for a sync of an integration, or for its plan: left to a worker, with the id that the run will have."""

from __future__ import annotations

from gateway.entities.states import RunMode
from gateway.integrations.requesting import request_sync
from gateway.integrations.results import Result, success
from gateway.integrations.rows import require_integration
from gateway.jobs.request import Holder
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import Acting


def ask_for_sync(
    acting: Acting, name: str, *, full: bool = False, is_plan: bool = False, holder: Holder | None = None
) -> JobSummary:
    """Ask for a sync. Raises `NotFound`, and `Conflict` for one that is not active, unless it is a plan."""
    row = require_integration(acting.session, name, lock=True)
    mode = RunMode.FULL if full else None
    job = request_sync(acting, row, mode=mode, is_plan=is_plan, holder=holder)
    acting.audit("integration.sync_asked", row.id, row.name, after={"job": job.id, "full": full, "plan": is_plan})
    return job


def asked(job: JobSummary) -> Result:
    """What whoever asked is told."""
    is_plan = bool(job.payload.get("is_plan"))
    message = "the plan is being made" if is_plan else "the sync was asked for"
    return success(message, job=job.id, run=job.payload.get("run"))
