"""How far the sync of each resource has come, and which records were named as changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.entities.external import Cursor
from gateway.entities.models import LONGEST_EXTERNAL_ID, NamedChange, SyncCursor

CURSORS: Table = SyncCursor.__table__  # type: ignore[assignment]
NAMED: Table = NamedChange.__table__  # type: ignore[assignment]


class Kept(NamedTuple):
    """How far a resource is: the external system's cursor, and when a full pull of it was last complete."""

    cursor: Cursor | None
    full_at: datetime | None


def cursor_of(connection: Connection, instance_id: str, resource: str) -> Kept:
    """How far it is; nothing where it was never read to its end."""
    statement = select(CURSORS.c.cursor, CURSORS.c.full_at)
    mine = (CURSORS.c.instance_id == instance_id) & (CURSORS.c.resource == resource)
    found = connection.execute(statement.where(mine)).one_or_none()
    return Kept(None, None) if found is None else Kept(found[0], found[1])


def keep_cursor(
    connection: Connection, tenant_id: str, instance_id: str, resource: str, kept: Kept, *, at: datetime
) -> None:
    """Write how far it is."""
    values = {"cursor": None if kept.cursor is None else dict(kept.cursor), "full_at": kept.full_at, "updated_at": at}
    row = {"tenant_id": tenant_id, "instance_id": instance_id, "resource": resource, **values}
    made = _insert(connection, CURSORS).values(row)
    connection.execute(made.on_conflict_do_update(index_elements=["instance_id", "resource"], set_=values))


def forget_cursors(connection: Connection, instance_id: str) -> None:
    """All resources of an integration are read from their beginning next time."""
    connection.execute(delete(CURSORS).where(CURSORS.c.instance_id == instance_id))


def store_named(
    connection: Connection,
    tenant_id: str,
    instance_id: str,
    resource: str,
    ids: Iterable[str],
    *,
    at: datetime,
    event_id: str | None = None,
) -> int:
    """Note that records were named as changed, by a webhook or a stream; how many were. One that waits already is
    fetched once, and again if it is named while that happens. What can be no external id is left out.
    """
    wanted = sorted({one for one in ids if one and len(one) <= LONGEST_EXTERNAL_ID and "\x00" not in one})
    if not wanted:
        return 0
    same = {"tenant_id": tenant_id, "instance_id": instance_id, "resource": resource}
    values = {"event_id": event_id, "named_at": at}
    made = _insert(connection, NAMED).on_conflict_do_update(
        index_elements=["instance_id", "resource", "integration_id"], set_=values
    )
    connection.execute(made, [{**same, **values, "integration_id": one} for one in wanted])
    return len(wanted)


class Named(NamedTuple):
    """A record that was named as changed, and when last."""

    integration_id: str
    named_at: datetime


def named_after(connection: Connection, instance_id: str, resource: str, after: str, limit: int) -> list[Named]:
    """The next few of a resource, by their external ids."""
    statement = select(NAMED.c.integration_id, NAMED.c.named_at)
    mine = (NAMED.c.instance_id == instance_id) & (NAMED.c.resource == resource) & (NAMED.c.integration_id > after)
    rows = connection.execute(statement.where(mine).order_by(NAMED.c.integration_id).limit(limit))
    return [Named(row[0], row[1]) for row in rows]


def are_named(connection: Connection, instance_id: str) -> bool:
    """Whether any record of an integration waits to be fetched."""
    statement = select(NAMED.c.resource).where(NAMED.c.instance_id == instance_id).limit(1)
    return connection.execute(statement).first() is not None


def forget_named(connection: Connection, instance_id: str, resource: str, fetched: Sequence[Named]) -> None:
    """They were fetched. Those that were named again meanwhile stay."""
    if fetched:
        mine = (NAMED.c.instance_id == instance_id) & (NAMED.c.resource == resource)
        same = [(NAMED.c.integration_id == one.integration_id) & (NAMED.c.named_at <= one.named_at) for one in fetched]
        connection.execute(delete(NAMED).where(mine, or_(*same)))


def forget_named_until(connection: Connection, instance_id: str, resource: str, until: datetime) -> None:
    """All that were named until then have been read some other way."""
    mine = (NAMED.c.instance_id == instance_id) & (NAMED.c.resource == resource)
    connection.execute(delete(NAMED).where(mine, NAMED.c.named_at <= until))


def _insert(connection: Connection, table: Table) -> Any:
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table)
