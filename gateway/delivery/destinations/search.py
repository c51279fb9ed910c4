"""Finding destinations: all of them page by page, and one by its name or id."""

from __future__ import annotations

from sqlalchemy import or_, select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.db.scope import TenantSession
from gateway.delivery.destinations.summary import DestinationSummary, summaries, summary
from gateway.delivery.models import Destination, DestinationKind
from gateway.errors import Hint, InvalidInput, NotFound
from gateway.suggestions import suggest
from gateway.tenants.acting import Acting


def find_destinations(acting: Acting, page: PageRequest) -> Page[DestinationSummary]:
    """A page of the tenant's destinations, handlers included, by name. Raises `InvalidInput`, `DecryptionFailed`."""
    found = page_of(acting.session, select(Destination), Destination.name, page)
    return Page(summaries(acting, found.rows), found.next_cursor)


def show_destination(acting: Acting, destination: str) -> DestinationSummary:
    """One destination, by its name or id; where it may be changed, nobody else changes it meanwhile.

    Raises `NotFound`, `DecryptionFailed`.
    """
    return summary(acting, require_destination(acting.session, destination, lock=acting.is_writing))


def require_destination(session: TenantSession, destination: str, *, lock: bool = False) -> Destination:
    """The row of a destination, by its name or id; `lock`ed until the transaction ends.

    Raises `NotFound`, with a suggestion where one is near.
    """
    # Both are the tenant's own; a name that reads like an id of another destination loses.
    statement = select(Destination).where(or_(Destination.name == destination, Destination.id == destination))
    found = session.scalars(statement.with_for_update() if lock else statement).all()
    if not found:
        known = session.scalars(select(Destination.name)).all()
        hint = suggest(destination, known, Hint("add_destination", {"name": destination}))
        raise NotFound(f"there is no destination {destination!r}", hint)
    return next((row for row in found if row.id == destination), found[0])


def require_http(destination: Destination) -> None:
    """Raise `InvalidInput` for a handler."""
    if destination.kind != DestinationKind.HTTP:
        message = f"{destination.name!r} is a handler: it is called with its event, and nothing is sent or signed"
        raise InvalidInput.at("destination", "not_taken", message)
