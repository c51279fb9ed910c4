"""What is known of the entities that a page names, in one statement for many, and nothing of the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, func, select

from gateway.db.drivers import array_literal, postgres_driver, sqlite_driver
from gateway.entities.models import Entity

ENTITIES: Table = Entity.__table__  # type: ignore[assignment]
STEP = 5_000

_COLUMNS = "integration_id, id, content_hash, external_version, base IS NOT NULL, deleted_by, merged_into"
_KNOWN = f"SELECT {_COLUMNS} FROM entities WHERE instance_id = {{0}} AND kind = {{0}} AND integration_id"  # noqa: S608
# One probe of the index for each id, whatever the planner knows of a table that was empty a moment ago.
_POSTGRES = (
    f"SELECT e.* FROM unnest(%s::text[]) AS w (wanted) CROSS JOIN LATERAL (SELECT {_COLUMNS} FROM entities "  # noqa: S608
    "WHERE instance_id = %s AND kind = %s AND integration_id = w.wanted LIMIT 1) AS e"
)


class Known(NamedTuple):
    """What tells whether a record is news. `is_edited`: local edits of it are on their way. `deleted_by` is whose
    deletion made it a tombstone, None while it is none.
    """

    integration_id: str
    id: str
    content_hash: bytes
    version: str | None
    is_edited: bool
    deleted_by: str | None
    merged_into: str | None


def known_of(connection: Connection, instance_id: str, kind: str, ids: Sequence[str]) -> dict[str, Known]:
    """Those of the external ids that there are, tombstones too."""
    if not ids:
        return {}
    if connection.dialect.name == "sqlite":
        statement = f"{_KNOWN.format('?')} IN ({','.join('?' * len(ids))})"
        found: Iterable[Any] = sqlite_driver(connection).execute(statement, [instance_id, kind, *ids])
    else:
        found = postgres_driver(connection).execute(_POSTGRES, [array_literal(ids), instance_id, kind])
    return {row[0]: Known._make(row) for row in found}


def rows_of(connection: Connection, ids: Sequence[str], *, lock: bool) -> Mapping[str, Mapping[str, Any]]:
    """The whole rows of these entities by their ids, locked where they are about to be written."""
    if not ids:
        return {}
    statement = select(ENTITIES).where(ENTITIES.c.id.in_(ids)).order_by(ENTITIES.c.id)
    rows = connection.execute(statement.with_for_update() if lock else statement).mappings()
    return {row["id"]: dict(row) for row in rows}


def live_ids(connection: Connection, instance_id: str, kind: str, after: str = "") -> list[tuple[str, str]]:
    """The next few entities of a kind that are no tombstones, by their external ids: `(external id, id)`."""
    statement = (
        select(ENTITIES.c.integration_id, ENTITIES.c.id)
        .where(ENTITIES.c.instance_id == instance_id, ENTITIES.c.kind == kind, ENTITIES.c.integration_id > after)
        .where(ENTITIES.c.deleted_at.is_(None))
        .order_by(ENTITIES.c.integration_id)
        .limit(STEP)
    )
    return [(row[0], row[1]) for row in connection.execute(statement)]


def every_live_id(connection: Connection, instance_id: str, kind: str) -> Iterator[list[tuple[str, str]]]:
    """All of them, a few thousand at a time."""
    after = ""
    while found := live_ids(connection, instance_id, kind, after):
        yield found
        after = found[-1][0]


def count_live(connection: Connection, instance_id: str, kind: str) -> int:
    """How many there are."""
    statement: Any = select(func.count()).select_from(ENTITIES)
    statement = statement.where(ENTITIES.c.instance_id == instance_id, ENTITIES.c.kind == kind)
    return int(connection.execute(statement.where(ENTITIES.c.deleted_at.is_(None))).scalar_one())
