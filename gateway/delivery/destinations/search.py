"""Finding destinations: all of them page by page, and one by its name."""

from __future__ import annotations

from sqlalchemy import select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.db.scope import TenantSession
from gateway.delivery.destinations.summary import DestinationSummary, summaries, summary
from gateway.delivery.models import Destination
from gateway.errors import Hint, NotFound
from gateway.suggestions import suggest
from gateway.tenants.acting import Acting


def find_destinations(acting: Acting, page: PageRequest) -> Page[DestinationSummary]:
    """A page of the tenant's destinations, handlers included, by name. Raises `InvalidInput`, `DecryptionFailed`."""
    found = page_of(acting.session, select(Destination), Destination.name, page)
    return Page(summaries(acting, found.rows), found.next_cursor)


def show_destination(acting: Acting, name: str) -> DestinationSummary:
    """One destination. Raises `NotFound`, `DecryptionFailed`."""
    return summary(acting, require_destination(acting.session, name))


def require_destination(session: TenantSession, name: str) -> Destination:
    """The row of a destination. Raises `NotFound`, with a suggestion where one is near."""
    destination = session.scalars(select(Destination).where(Destination.name == name)).first()
    if destination is None:
        known = session.scalars(select(Destination.name)).all()
        hint = suggest(name, known, Hint("add_destination", {"name": name}))
        raise NotFound(f"there is no destination {name!r}", hint)
    return destination
