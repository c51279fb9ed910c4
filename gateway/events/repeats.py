"""How often events came again: repeats of a vendor that were answered 200 and made no second event.

Written in batches off the path of webhooks (`gateway.webhooks.receive.repeats`): a number may be a second old, and
lacks what came in the last second before a process was killed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.db.scope import TenantSession
from gateway.events.models import Event, EventRepeats

_TABLE: Table = EventRepeats.__table__  # type: ignore[assignment]
BATCH = 500


class Repeated(NamedTuple):
    """An event that came `times` times more; the last time at `last_at`, in the request `last_request_id`."""

    event_id: str
    tenant_id: str
    times: int
    last_at: datetime
    last_request_id: str | None


@dataclass(frozen=True, slots=True)
class Repeats:
    """How often an event came again, and when last."""

    times: int = 0
    last_at: datetime | None = None
    last_request_id: str | None = None


NONE = Repeats()


def add_repeats(connection: Connection, repeated: Sequence[Repeated]) -> None:
    """Add to what is counted, in the caller's transaction. What was purged meanwhile is left out."""
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    # In one order, so that two processes do not wait for each other.
    ordered = sorted(repeated)
    for start in range(0, len(ordered), BATCH):
        some = ordered[start : start + BATCH]
        there = set(connection.scalars(select(Event.id).where(Event.id.in_([one.event_id for one in some]))))
        rows = [one._asdict() for one in some if one.event_id in there]
        if not rows:
            continue
        insert = dialect.insert(_TABLE)
        greatest = func.max if dialect is sqlite else func.greatest
        more = insert.on_conflict_do_update(
            index_elements=[_TABLE.c.event_id],
            set_={
                "times": _TABLE.c.times + insert.excluded.times,
                "last_at": greatest(_TABLE.c.last_at, insert.excluded.last_at),
                "last_request_id": insert.excluded.last_request_id,
            },
        )
        connection.execute(more, rows)


def repeats_of(session: TenantSession, event_ids: Collection[str]) -> Mapping[str, Repeats]:
    """How often each of the events came again, read in one statement; those that did not are left out."""
    columns = (EventRepeats.event_id, EventRepeats.times, EventRepeats.last_at, EventRepeats.last_request_id)
    found = session.execute(select(*columns).where(EventRepeats.event_id.in_(event_ids)))
    return {row.event_id: Repeats(row.times, row.last_at, row.last_request_id) for row in found}
