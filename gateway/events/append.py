"""Appending to the journal: many events in one statement, duplicates told apart, inside the caller's transaction.

The unique index (source_id, dedupe_key) is the dedupe claim; there is no reading before writing. Appending the same
row again (same id) is harmless, so that a writer may repeat a transaction whose outcome it does not know.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import cache
from itertools import chain
from typing import NamedTuple

from sqlalchemy import Connection, text

from gateway.db.drivers import SQLITE_ROWS, postgres_arrays, postgres_driver, sqlite_driver


class EventRow(NamedTuple):
    """An event about to be stored; columns as in `gateway.events.models.Event`, `received_at` in microseconds."""

    id: str
    tenant_id: str
    source_id: str
    source: str
    provider: str
    type: str | None
    dedupe_key: str | None
    received_at: int
    request_id: str | None
    method: str
    url: str
    content_type: str | None
    body_bytes: int
    headers: bytes
    body: bytes


class Appended(NamedTuple):
    """What became of one row: the id of the event that stands in the journal, and whether it stood there before."""

    event_id: str
    is_duplicate: bool


_COLUMNS = ", ".join(EventRow._fields)
_SQLITE_FIRST = "SELECT id FROM events WHERE source_id = ? AND dedupe_key = ?"
# Arrays of bytes go in binary: as text they would be escaped, at several times the cost of the whole statement.
_POSTGRES_TYPES = {"received_at": "bigint", "body_bytes": "integer", "headers": "bytea", "body": "bytea"}
_POSTGRES_ARRAYS = ", ".join(
    f"%{'b' if _POSTGRES_TYPES.get(name) == 'bytea' else 's'}::{_POSTGRES_TYPES.get(name, 'text')}[]"
    for name in EventRow._fields
)
POSTGRES_INSERT = (
    f"INSERT INTO events ({_COLUMNS}) SELECT * FROM unnest({_POSTGRES_ARRAYS}) "  # noqa: S608 (constants)
    "ON CONFLICT DO NOTHING RETURNING id"
)
"""Takes `postgres_arrays` of the rows; returns the ids of those that are new."""
POSTGRES_INSERT_ADMITTED = (
    f"INSERT INTO events ({_COLUMNS}) SELECT {_COLUMNS} "  # noqa: S608 (constants)
    f"FROM unnest({_POSTGRES_ARRAYS}, %s::text[]) AS r ({_COLUMNS}, condition) "
    "WHERE condition IS NULL OR condition IN (SELECT event_id FROM admitted) ON CONFLICT DO NOTHING RETURNING id"
)
"""The same for a statement with a part `admitted`, ids of events. Takes one more array: the id that must be among them
for a row to be stored, NULL where none must.
"""
_POSTGRES_FIRST = text(
    "SELECT e.source_id, e.dedupe_key, e.id FROM unnest(CAST(:source_id AS text[]), CAST(:dedupe_key AS text[])) "
    "AS wanted (source_id, dedupe_key) JOIN events e USING (source_id, dedupe_key)"
)


def append_events(connection: Connection, rows: Sequence[EventRow]) -> list[Appended]:
    """Store `rows`; one `Appended` per row, in order. Equal dedupe keys within `rows` count as duplicates too."""
    if not rows:
        return []
    if connection.dialect.name == "sqlite":
        return _append_sqlite(connection, rows)
    return _append_postgres(connection, rows)


@cache
def _sqlite_insert(rows: int) -> str:
    values = f"({','.join('?' * len(EventRow._fields))})"
    return f"INSERT INTO events ({_COLUMNS}) VALUES {','.join([values] * rows)} ON CONFLICT DO NOTHING"  # noqa: S608


def _append_sqlite(connection: Connection, rows: Sequence[EventRow]) -> list[Appended]:
    driver = sqlite_driver(connection)
    appended: list[Appended] = []
    for start in range(0, len(rows), SQLITE_ROWS):
        part = rows[start : start + SQLITE_ROWS]
        inserted = driver.execute(_sqlite_insert(len(part)), list(chain.from_iterable(part))).rowcount
        if inserted == len(part):
            appended += [Appended(row.id, False) for row in part]
        else:
            first = first_ids(connection, part)
            appended += [_duplicate(row, first.get((row.source_id, row.dedupe_key))) for row in part]
    return appended


def _append_postgres(connection: Connection, rows: Sequence[EventRow]) -> list[Appended]:
    inserted = postgres_driver(connection).execute(POSTGRES_INSERT, postgres_arrays(rows, EventRow))
    return postgres_outcomes(connection, rows, {found[0] for found in inserted})


def postgres_outcomes(connection: Connection, rows: Sequence[EventRow], new: Set[str]) -> list[Appended]:
    """What became of each of `rows`, of which those with the ids `new` were inserted."""
    if len(new) == len(rows):
        return [Appended(row.id, False) for row in rows]
    repeated = [row for row in rows if row.id not in new]
    first = first_ids(connection, repeated)
    return [
        Appended(row.id, False) if row.id in new else _duplicate(row, first.get((row.source_id, row.dedupe_key)))
        for row in rows
    ]


def first_ids(connection: Connection, rows: Sequence[EventRow]) -> dict[tuple[str, str | None], str]:
    """The ids of the stored events that have the source and the dedupe key of one of `rows`, by these two."""
    if connection.dialect.name == "sqlite":
        driver = sqlite_driver(connection)
        keys = {(row.source_id, row.dedupe_key) for row in rows}
        return {key: found[0] for key in keys if (found := driver.execute(_SQLITE_FIRST, key).fetchone())}
    arrays = {"source_id": [row.source_id for row in rows], "dedupe_key": [row.dedupe_key for row in rows]}
    return {(found[0], found[1]): found[2] for found in connection.execute(_POSTGRES_FIRST, arrays)}


def _duplicate(row: EventRow, first_id: str | None) -> Appended:
    # Our own id means that an earlier try of this very transaction did commit; without a key only the id can clash.
    return Appended(first_id or row.id, first_id not in (None, row.id))
