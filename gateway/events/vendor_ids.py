"""Events by the id that their vendor gives them, wherever an event's id is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import column, select, table

from gateway.db.scope import TenantSession
from gateway.errors import InvalidInput, NotFound
from gateway.events.dedupe_key import dedupe_key
from gateway.events.models import Event

# By name: of sources the journal knows no more than their ids.
_SOURCES = table("sources", column("id"), column("tenant_id"))
MOST = 20


class Named(NamedTuple):
    """An event that its vendor calls so, and the slug of its source."""

    id: str
    source: str


def named_by_vendor(session: TenantSession, vendor_id: str) -> Sequence[Named]:
    """The events of the tenant's sources with this id, newest first: one probe of an index for each source."""
    key = dedupe_key(vendor_id)
    its_sources = select(_SOURCES.c.id).where(_SOURCES.c.tenant_id == session.tenant_id)
    found = select(Event.id, Event.source).where(Event.source_id.in_(its_sources), Event.dedupe_key == key)
    return [Named(*row) for row in session.execute(found.order_by(Event.id.desc()).limit(MOST))]


def require_event_id(session: TenantSession, given: str) -> str:
    """The id of the event with the id `given`, or with that id at its vendor.

    Raises `NotFound`, and `InvalidInput` where several sources have an event that is called so.
    """
    if session.scalar(select(Event.id).where(Event.id == given)) is not None:
        return given
    found = named_by_vendor(session, given)
    if not found:
        raise NotFound(
            f"there is no event {given!r}: none has that id, here or at a vendor; it never came, was purged, "
            "or belongs to another tenant"
        )
    if len(found) > 1:
        which = ", ".join(f"{one.id} of {one.source}" for one in found)
        raise InvalidInput(f"several events have the id {given!r} at their vendors: {which}")
    return found[0].id
