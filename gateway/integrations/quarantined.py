"""Records in quarantine with the names of their integrations: found, taken in once more, or not wanted."""

from __future__ import annotations

from dataclasses import replace

from gateway.db.paging import Page, PageRequest
from gateway.entities.pulling import retrying
from gateway.entities.quarantine import management, search
from gateway.entities.quarantine.search import QuarantineSearch
from gateway.entities.quarantine.summary import QuarantinedSummary
from gateway.entities.states import QuarantineState
from gateway.integrations.names import instance_of, names_of
from gateway.integrations.opening import TRIAL, material_of, open_instance, options_of, type_of
from gateway.integrations.rows import require_integration
from gateway.tenants.acting import Acting, Transactions


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


def retry_record(begin: Transactions, record_id: str) -> QuarantinedSummary:
    """Judge a record once more, as its system has it now, and take it in where it is sound.

    Raises `NotFound`, `Conflict` where there is nothing to judge, and what asking its system raises.
    """
    with begin(write=False) as acting:
        record = search.show_quarantined(acting, record_id)
        installation = acting.installation
        material = material_of(acting.session, installation, require_integration(acting.session, record.instance_id))
    type_, options = type_of(installation, material), options_of(installation, material)
    with open_instance(installation, material, timeout=TRIAL) as instance:
        after = retrying.retry_record(begin, type_.external(instance), options, record)
    return replace(after, integration=material.name)


def discard_record(acting: Acting, record_id: str) -> QuarantinedSummary:
    """It is not wanted. Raises what `quarantine.management.discard_record` does."""
    return named(acting, management.discard_record(acting, record_id))


def named(acting: Acting, record: QuarantinedSummary) -> QuarantinedSummary:
    """With the name of its integration."""
    return replace(record, integration=names_of(acting.session, [record.instance_id]).get(record.instance_id))
