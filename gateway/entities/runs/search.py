"""Finding sync runs."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.entities.models import SyncRun
from gateway.entities.runs.course import find_run_row
from gateway.entities.runs.summary import SyncRunSummary, summary
from gateway.entities.states import RunState
from gateway.errors import NotFound
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSearch:
    """What holds for the runs of a list; None for whatever it may be. `instance_id` is the integration's id."""

    state: RunState | None = None
    instance_id: str | None = None
    is_plan: bool | None = None


ALL = RunSearch()


def find_runs(acting: Acting, page: PageRequest, search: RunSearch = ALL) -> Page[SyncRunSummary]:
    """A page of sync runs, newest first. Raises `InvalidInput`."""
    wanted = {SyncRun.state: search.state, SyncRun.instance_id: search.instance_id, SyncRun.is_plan: search.is_plan}
    statement = select(SyncRun).where(*(column == value for column, value in wanted.items() if value is not None))
    found = page_of(acting.session, statement, SyncRun.id, page, is_descending=True)
    return Page(tuple(map(summary, found.rows)), found.next_cursor)


def show_run(acting: Acting, run_id: str) -> SyncRunSummary:
    """One sync run. Raises `NotFound`."""
    return summary(require_run(acting, run_id))


def require_run(acting: Acting, run_id: str) -> SyncRun:
    """The row of a run, locked in a writing transaction. Raises `NotFound`."""
    found = find_run_row(acting, run_id)
    if found is None:
        raise NotFound(f"there is no sync run {run_id!r}")
    return found
