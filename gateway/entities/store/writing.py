"""Writing entities: one statement for many new ones, and one for each way in which those that are there change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, bindparam, insert, update

from gateway.db.drivers import SQLITE_ROWS, postgres_arrays, postgres_driver, sqlite_driver
from gateway.entities.models import HistoryEntry
from gateway.entities.store.known import ENTITIES

HISTORY: Table = HistoryEntry.__table__  # type: ignore[assignment]


class EntityRow(NamedTuple):
    """An entity about to be stored as a pull found it; columns as in `Entity`, `attributes` as JSON's text, instants in
    microseconds.
    """

    id: str
    integration_id: str
    name: str | None
    attributes: str
    state: str | None
    state_at: int | None
    parent: str | None
    area: str | None
    external_version: str | None
    external_updated_at: int | None
    content_hash: bytes


class Shared(NamedTuple):
    """What all entities of one page have in common; `at` is now, in microseconds."""

    tenant_id: str
    instance_id: str
    integration_name: str
    kind: str
    at: int


_FIELDS = EntityRow._fields
_OWN = ", ".join(_FIELDS)
_SHARED = "tenant_id, instance_id, integration_name, kind, created_at, updated_at, local_revision, changed_by"
_TYPES = {
    "attributes": "json",
    "state_at": "bigint",
    "external_updated_at": "bigint",
    "content_hash": "bytea",
}
_ARRAYS = ", ".join(
    f"%{'b' if name == 'content_hash' else 's'}::{_TYPES.get(name, 'text')}[]" for name in _FIELDS
)  # fmt: skip
_POSTGRES = (
    f"INSERT INTO entities ({_SHARED}, {_OWN}) "  # noqa: S608 (constants)
    "SELECT %s::text, %s::text, %s::text, %s::text, %s::bigint, %s::bigint, 0, 'pull', r.* "
    f"FROM unnest({_ARRAYS}) AS r ({_OWN}) ON CONFLICT DO NOTHING"
)


@cache
def _sqlite(rows: int) -> str:
    values = f"(?,?,?,?,?,?,0,'pull',{','.join('?' * len(_FIELDS))})"
    return (
        f"INSERT INTO entities ({_SHARED}, {_OWN}) VALUES {','.join([values] * rows)} "  # noqa: S608 (constants)
        "ON CONFLICT DO NOTHING"
    )


def insert_entities(connection: Connection, shared: Shared, rows: Sequence[EntityRow]) -> int:
    """Store new entities; how many of them were new indeed. Somebody else's are left as they are."""
    if not rows:
        return 0
    same = (*shared, shared.at)
    if connection.dialect.name == "sqlite":
        driver = sqlite_driver(connection)
        parts = [rows[start : start + SQLITE_ROWS] for start in range(0, len(rows), SQLITE_ROWS)]
        return sum(
            driver.execute(_sqlite(len(part)), list(chain.from_iterable((*same, *row) for row in part))).rowcount
            for part in parts
        )
    return postgres_driver(connection).execute(_POSTGRES, [*same, *postgres_arrays(rows, EntityRow)]).rowcount


def change_entities(connection: Connection, values: Sequence[Mapping[str, Any]]) -> None:
    """Write what changed of entities: each of `values` has `id`, and the same other columns as all of them."""
    if not values:
        return
    columns: dict[str, Any] = {name: bindparam(f"new_{name}") for name in values[0] if name != "id"}
    statement = update(ENTITIES).where(ENTITIES.c.id == bindparam("of_id")).values(columns)
    rows = [{"of_id" if name == "id" else f"new_{name}": value for name, value in one.items()} for one in values]
    connection.execute(statement, rows)


def add_history(connection: Connection, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write what happened to entities; columns as in `HistoryEntry`."""
    if entries:
        connection.execute(insert(HISTORY), list(entries))
