"""Sync runs with the names of their integrations: found, and decided by a person."""

from __future__ import annotations

from dataclasses import replace

from gateway.db.paging import Page, PageRequest
from gateway.entities.held_runs import management
from gateway.entities.runs import search
from gateway.entities.runs.search import RunSearch
from gateway.entities.runs.summary import SyncRunSummary
from gateway.entities.states import RunState
from gateway.integrations.names import instance_of, names_of
from gateway.tenants.acting import Acting


def find_sync_runs(
    acting: Acting,
    page: PageRequest,
    *,
    integration: str | None = None,
    state: RunState | None = None,
    is_plan: bool | None = None,
) -> Page[SyncRunSummary]:
    """A page of sync runs, newest first; of one integration, by its name or id. Raises `InvalidInput`."""
    wanted = RunSearch(state=state, instance_id=instance_of(acting, integration), is_plan=is_plan)
    found = search.find_runs(acting, page, wanted)
    names = names_of(acting.session, {row.instance_id for row in found.rows})
    rows = tuple(replace(row, integration=names.get(row.instance_id)) for row in found.rows)
    return Page(rows, found.next_cursor)


def show_sync_run(acting: Acting, run_id: str) -> SyncRunSummary:
    """One sync run. Raises `NotFound`."""
    return _named(acting, search.show_run(acting, run_id))


def confirm_sync_run(acting: Acting, run_id: str) -> SyncRunSummary:
    """Have what was held deleted, by a worker. Raises what `held_runs.management.confirm_run` does."""
    return _named(acting, management.confirm_run(acting, run_id))


def reject_sync_run(acting: Acting, run_id: str) -> SyncRunSummary:
    """Delete nothing of what was held. Raises what `held_runs.management.reject_run` does."""
    return _named(acting, management.reject_run(acting, run_id))


def _named(acting: Acting, run: SyncRunSummary) -> SyncRunSummary:
    return replace(run, integration=names_of(acting.session, [run.instance_id]).get(run.instance_id))
