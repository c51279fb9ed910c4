"""Writing new deliveries: one statement for many rows, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from gateway.db.database import sqlite_driver


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
_SQLITE = (
    f"INSERT INTO deliveries ({_COLUMNS}, scheduled_at, attempts_made, schedule_position) "  # noqa: S608 (constants)
    f"VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,0) ON CONFLICT DO NOTHING"
)
_POSTGRES = text(
    f"INSERT INTO deliveries ({_COLUMNS}, scheduled_at, attempts_made, schedule_position) "  # noqa: S608 (constants)
    "SELECT r.*, r.created_at, 0, 0 FROM unnest(CAST(:id AS text[]), CAST(:tenant_id AS text[]), "
    "CAST(:event_id AS text[]), CAST(:destination_id AS text[]), CAST(:route_id AS text[]), CAST(:state AS text[]), "
    "CAST(:ordering_key AS text[]), CAST(:next_attempt_at AS bigint[]), CAST(:created_at AS bigint[]), "
    "CAST(:finished_at AS bigint[]), CAST(:reason AS text[]), CAST(:detail AS text[]), CAST(:payload AS bytea[])) "
    f"AS r ({_COLUMNS}) ON CONFLICT DO NOTHING"
)


def insert_deliveries(connection: Connection, rows: Sequence[DeliveryRow]) -> None:
    """Store `rows`; a row whose id stands there already is left as it is, so that a transaction may be repeated."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        sqlite_driver(connection).executemany(_SQLITE, [(*row, row.created_at) for row in rows])
        return
    columns: dict[str, Any] = dict(zip(DeliveryRow._fields, map(list, zip(*rows, strict=True)), strict=True))
    connection.execute(_POSTGRES, columns)
