"""Records in quarantine with the names of their integrations: found, taken in once more, or not wanted."""

from __future__ import annotations

from dataclasses import replace

from gateway.db.paging import Page, PageRequest
from gateway.entities.quarantine import management, search
from gateway.entities.quarantine.search import QuarantineSearch
from gateway.entities.quarantine.summary import QuarantinedSummary
from gateway.entities.states import QuarantineState
from gateway.integrations.names import instance_of, names_of
from gateway.tenants.acting import Acting


def find_quarantined(
    acting: Acting,
    page: PageRequest,
    *,
    integration: str | None = None,
    resource: str | None = None,
    state: QuarantineState | None = None,
) -> Page[QuarantinedSummary]:
    """A page of records in quarantine, newest first. Raises `InvalidInput`."""
    wanted = QuarantineSearch(state=state, instance_id=instance_of(acting, integration), resource=resource)
    found = search.find_quarantined(acting, page, wanted)
    names = names_of(acting.session, {row.instance_id for row in found.rows})
    rows = tuple(replace(row, integration=names.get(row.instance_id)) for row in found.rows)
    return Page(rows, found.next_cursor)


def show_quarantined(acting: Acting, record_id: str) -> QuarantinedSummary:
    """One record. Raises `NotFound`."""
    return named(acting, search.show_quarantined(acting, record_id))


def discard_record(acting: Acting, record_id: str) -> QuarantinedSummary:
    """It is not wanted. Raises what `quarantine.management.discard_record` does."""
    return named(acting, management.discard_record(acting, record_id))


def named(acting: Acting, record: QuarantinedSummary) -> QuarantinedSummary:
    """With the name of its integration."""
    return replace(record, integration=names_of(acting.session, [record.instance_id]).get(record.instance_id))
