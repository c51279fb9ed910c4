"""The audit trail in the database: entries go into their chains, in the transaction of the change that they tell of.

A chain's head is locked from here to the end of the transaction, which is near: this is the last thing that is done in
it. Of several heads the one with the lesser id comes first, always. So nobody who holds a head waits for anything but
a greater one, and nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from gateway.clock import to_us
from gateway.db.model import SYSTEM
from gateway.security.identifiers import new_id
from gateway.tenants.audit import AuditEntry
from gateway.tenants.audit_trail.chain import BEGINNING, Link, hash_after
from gateway.tenants.audit_trail.models import AuditHead, AuditRow
from gateway.tenants.audit_trail.values import kept_object, kept_text

PREFIX = "aud"


class ChainedAuditTrail:
    """Keeps entries in the database of the session that they come with."""

    def keep(self, session: Session, entries: Sequence[AuditEntry]) -> None:
        """As the port says. Raises `StorageUnavailable`."""
        connection = session.connection()
        for chain, found in groupby(sorted(entries, key=_chain), key=_chain):
            _append(connection, chain, found)


def _chain(entry: AuditEntry) -> str:
    return entry.tenant_id or SYSTEM


def _append(connection: Connection, chain: str, entries: Iterable[AuditEntry]) -> None:
    locked_head = _LOCKED_HEAD[connection.dialect.name]
    count, previous = connection.execute(locked_head, {"tenant_id": chain, "count": 0, "hash": BEGINNING}).one()
    rows: list[Mapping[str, Any]] = []
    for entry in entries:
        count += 1
        link = _link(chain, count, entry)
        previous = hash_after(previous, link)
        rows.append(link._asdict() | {"at": entry.at, "hash": previous})
    connection.execute(_APPEND, rows)
    connection.execute(_MOVE_HEAD, {"chain": chain, "count": count, "hash": previous})


def _locked_head(dialect: ModuleType) -> Executable:
    """Makes the head where there is none, and holds it until the transaction ends. Gives count and hash."""
    made = dialect.insert(AuditHead)
    held = made.on_conflict_do_update(index_elements=[AuditHead.tenant_id], set_={"count": AuditHead.count})
    locked: Executable = held.returning(AuditHead.count, AuditHead.hash)
    return locked


# Made once: what a statement says does not change, and to say it takes longer than to carry it out.
_LOCKED_HEAD = {"sqlite": _locked_head(sqlite), "postgresql": _locked_head(postgresql)}
_APPEND = insert(AuditRow)
_MOVE_HEAD = update(AuditHead).where(AuditHead.tenant_id == bindparam("chain"))


def _link(chain: str, number: int, entry: AuditEntry) -> Link:
    actor = entry.actor
    return Link(
        tenant_id=chain,
        number=number,
        id=new_id(PREFIX),
        at=to_us(entry.at),
        actor_kind=actor.kind.value,
        actor_id=None if actor.id is None else kept_text(actor.id, 64),
        actor_name=kept_text(actor.name, 255),
        address=None if actor.address is None else kept_text(actor.address, 255),
        request_id=None if entry.request_id is None else kept_text(entry.request_id, 128),
        action=entry.action,
        object_id=kept_text(entry.object_id, 255),
        object_name=None if entry.object_name is None else kept_text(entry.object_name, 255),
        before=kept_object(entry.before),
        after=kept_object(entry.after),
    )
