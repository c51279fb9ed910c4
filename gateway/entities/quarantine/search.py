"""Finding records in quarantine."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.entities.models import QuarantinedRecord
from gateway.entities.quarantine.summary import QuarantinedSummary, summary
from gateway.entities.states import QuarantineState
from gateway.errors import NotFound
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineSearch:
    """What holds for the records of a list; None for whatever it may be. `instance_id` is the integration's id."""

    state: QuarantineState | None = None
    instance_id: str | None = None
    resource: str | None = None


ALL = QuarantineSearch()


def find_quarantined(acting: Acting, page: PageRequest, search: QuarantineSearch = ALL) -> Page[QuarantinedSummary]:
    """A page of records in quarantine, newest first. Raises `InvalidInput`."""
    wanted = {
        QuarantinedRecord.state: search.state,
        QuarantinedRecord.instance_id: search.instance_id,
        QuarantinedRecord.resource: search.resource,
    }
    statement = select(QuarantinedRecord)
    statement = statement.where(*(column == value for column, value in wanted.items() if value is not None))
    found = page_of(acting.session, statement, QuarantinedRecord.id, page, is_descending=True)
    return Page(tuple(map(summary, found.rows)), found.next_cursor)


def show_quarantined(acting: Acting, record_id: str) -> QuarantinedSummary:
    """One record. Raises `NotFound`."""
    return summary(require_quarantined(acting, record_id))


def require_quarantined(acting: Acting, record_id: str) -> QuarantinedRecord:
    """The row of a record, locked in a writing transaction. Raises `NotFound`."""
    statement = select(QuarantinedRecord).where(QuarantinedRecord.id == record_id)
    found = acting.session.scalars(statement.with_for_update() if acting.is_writing else statement).first()
    if found is None:
        raise NotFound(f"there is no record {record_id!r} in quarantine")
    return found
