"""Whether the chains of the audit trail are whole: every row where it belongs, with the hash that it must have, up to
what the chain's head says. In batches: memory does not grow with the trail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import func, select, union

from gateway.clock import to_us
from gateway.db.database import Database
from gateway.tenants.audit_trail.chain import BEGINNING, Link, hash_after
from gateway.tenants.audit_trail.models import AuditHead, AuditRow

BATCH_ROWS = 1000

_ROWS, _HEADS = AuditRow.__table__, AuditHead.__table__
_LINK = tuple(_ROWS.c[name] for name in Link._fields)


class _Head(NamedTuple):
    """What a chain's head says, and the number of its last row at the same moment."""

    length: int
    hash: bytes
    last: int


@dataclass(frozen=True, slots=True)
class ChainState:
    """How a chain is. `fault` names the first row that is wrong, None where none is; `entries` were looked at.

    `tenant_id` is `SYSTEM` for what concerns no tenant; `hash` is the last good row's, in hex.
    """

    tenant_id: str
    entries: int
    hash: str
    fault: str | None = None


def examine_chains(database: Database, *, batch_rows: int = BATCH_ROWS) -> Iterator[ChainState]:
    """Every chain, by the tenant's id; of a broken one the first fault. Raises `StorageUnavailable`."""
    with database.read() as connection:
        chains = union(select(_HEADS.c.tenant_id), select(_ROWS.c.tenant_id)).order_by("tenant_id")
        ids = list(connection.execute(chains).scalars())
    for tenant_id in ids:
        yield _examine(database, tenant_id, batch_rows)


def _examine(database: Database, tenant_id: str, batch_rows: int) -> ChainState:
    # What is written meanwhile comes behind this, and is not looked at.
    head = _head(database, tenant_id)
    if head is None:
        return ChainState(tenant_id, 0, "", "the head of the chain is missing")
    number, previous, entry_id, fault = 0, BEGINNING, "", None
    while number < head.length and fault is None:
        rows = _rows(database, tenant_id, number, head.length, batch_rows)
        for row in rows:
            fault = _fault(row, number, previous)
            if fault is not None:
                break
            number, previous, entry_id = row.number, row.hash, row.id
        if not rows:
            fault = f"entry {number + 1} is missing, and what follows up to entry {head.length}"
    if fault is None and previous != head.hash:
        fault = f"entry {number} ({entry_id}) is not the one that was written last"
    if fault is None and head.last > head.length:
        fault = f"entry {head.length + 1} stands behind the end of the chain"
    return ChainState(tenant_id, number, previous.hex(), fault)


def _fault(row: Any, number: int, previous: bytes) -> str | None:
    """What is wrong with the row that comes after `number`."""
    if row.number != number + 1:
        return f"entry {number + 1} is missing"
    link = Link(*row[:-1])._replace(at=to_us(row.at))
    if hash_after(previous, link) != row.hash:
        return f"entry {row.number} ({row.id}) was changed, or does not follow the one before it"
    return None


def _rows(database: Database, tenant_id: str, after: int, until: int, limit: int) -> Sequence[Any]:
    statement = select(*_LINK, _ROWS.c.hash).where(
        _ROWS.c.tenant_id == tenant_id, _ROWS.c.number > after, _ROWS.c.number <= until
    )
    with database.read() as connection:
        return connection.execute(statement.order_by(_ROWS.c.number).limit(limit)).all()


def _head(database: Database, tenant_id: str) -> _Head | None:
    last = select(func.max(_ROWS.c.number)).where(_ROWS.c.tenant_id == tenant_id).scalar_subquery()
    with database.read() as connection:
        found = connection.execute(select(_HEADS.c.count, _HEADS.c.hash, last).where(_HEADS.c.tenant_id == tenant_id))
        row = found.one_or_none()
    return None if row is None else _Head(row[0], row[1], row[2] or 0)
