"""Writing new deliveries: one statement for many rows, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import NamedTuple

from sqlalchemy import Connection

from gateway.db.drivers import SQLITE_ROWS, postgres_arrays, postgres_driver, sqlite_driver


class DeliveryRow(NamedTuple):
    """A delivery about to be stored. Instants in microseconds; `state` is pending, or dead with a reason at birth."""

    id: str
    tenant_id: str
    event_id: str
    destination_id: str
    route_id: str | None
    state: str
    ordering_key: str | None
    next_attempt_at: int
    created_at: int
    finished_at: int | None
    reason: str | None
    detail: str | None
    payload: bytes | None


_COLUMNS = (
    "id, tenant_id, event_id, destination_id, route_id, state, ordering_key, next_attempt_at, created_at, "
    "finished_at, reason, detail, payload"
)
# Arrays of bytes go in binary; see `gateway.events.append`.
_POSTGRES_ROWS = (
    f"INSERT INTO deliveries ({_COLUMNS}, scheduled_at, attempts_made, schedule_position) "  # noqa: S608 (constants)
    "SELECT r.*, r.created_at, 0, 0 FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], "
    "%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %b::bytea[]) "
    f"AS r ({_COLUMNS}) "
)
POSTGRES_INSERT = f"{_POSTGRES_ROWS} ON CONFLICT DO NOTHING"
"""Takes `postgres_arrays` of the rows."""
POSTGRES_INSERT_FOR_NEW = f"{_POSTGRES_ROWS} JOIN new ON new.id = r.event_id ON CONFLICT DO NOTHING"
"""The same for a statement with a part `new`, the ids of events: other events' rows are left out."""


@cache
def _sqlite_insert(rows: int) -> str:
    values = f"({'?,' * (len(DeliveryRow._fields) + 1)}0,0)"
    return (
        f"INSERT INTO deliveries ({_COLUMNS}, scheduled_at, attempts_made, schedule_position) "  # noqa: S608 (constants)
        f"VALUES {','.join([values] * rows)} ON CONFLICT DO NOTHING"
    )


def insert_deliveries(connection: Connection, rows: Sequence[DeliveryRow]) -> None:
    """Store `rows`; a row whose id stands there already is left as it is, so that a transaction may be repeated."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        driver = sqlite_driver(connection)
        for start in range(0, len(rows), SQLITE_ROWS):
            part = rows[start : start + SQLITE_ROWS]
            driver.execute(_sqlite_insert(len(part)), list(chain.from_iterable((*row, row.created_at) for row in part)))
        return
    postgres_driver(connection).execute(POSTGRES_INSERT, postgres_arrays(rows, DeliveryRow))
