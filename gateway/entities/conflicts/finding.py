"""Finding conflicts: those that wait for a person, and those that were decided."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, text

from gateway.db.paging import Page, PageRequest, page_of
from gateway.entities.conflicts.summary import ConflictSummary, summaries
from gateway.entities.instances import Instances
from gateway.entities.models import IS_OPEN, EntityConflict
from gateway.entities.states import ConflictState
from gateway.errors import Hint, NotFound
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictSearch:
    """What holds for the conflicts of a list; None for whatever it may be. `integration` is a name or an id."""

    state: ConflictState = ConflictState.OPEN
    integration: str | None = None
    kind: str | None = None


OPEN = ConflictSearch()


def find_conflicts(
    acting: Acting, instances: Instances, page: PageRequest, search: ConflictSearch = OPEN
) -> Page[ConflictSummary]:
    """A page of the tenant's conflicts, newest first. Raises `InvalidInput`, `NotFound` for an integration that there
    is not.
    """
    statement = select(EntityConflict)
    if search.state is ConflictState.OPEN:
        statement = statement.where(text(IS_OPEN))
    else:
        statement = statement.where(EntityConflict.state == search.state)
    if search.integration is not None:
        found = instances.find(acting, search.integration)
        if found is None:
            raise NotFound(f"there is no integration {search.integration!r}")
        statement = statement.where(EntityConflict.instance_id == found.id)
    if search.kind is not None:
        statement = statement.where(EntityConflict.kind == search.kind)
    rows = page_of(acting.session, statement, EntityConflict.id, page, is_descending=True)
    return Page(summaries(acting, instances, rows.rows), rows.next_cursor)


def show_conflict(acting: Acting, instances: Instances, conflict_id: str) -> ConflictSummary:
    """One conflict. Raises `NotFound`."""
    return summaries(acting, instances, [require_conflict(acting, conflict_id)])[0]


def require_conflict(acting: Acting, conflict_id: str) -> EntityConflict:
    """The row of a conflict. Raises `NotFound`."""
    found = acting.session.scalars(select(EntityConflict).where(EntityConflict.id == conflict_id)).first()
    if found is None:
        raise NotFound(f"there is no conflict {conflict_id!r}", Hint("list_conflicts"))
    return found
