"""Bodies of many events, read some at a time: each may be megabytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from gateway.events.models import Event
from gateway.events.portions import portions

READ_BYTES = 4 * 1024 * 1024
STORED_BYTES = func.length(Event.body).label("stored_bytes")
"""To be selected beside `Event.id` for rows that are given to `with_bodies`."""


def with_bodies(connection: Connection, rows: Sequence[Any]) -> Iterator[tuple[Any, bytes]]:
    """`rows` with the bodies of their events, in their order; without those that were purged meanwhile."""
    for some in portions(rows, lambda row: row.stored_bytes, most_bytes=READ_BYTES):
        found = connection.execute(select(Event.id, Event.body).where(Event.id.in_([row.id for row in some])))
        bodies = dict(iter(found))
        yield from ((row, bodies[row.id]) for row in some if row.id in bodies)
