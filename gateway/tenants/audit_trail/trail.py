"""The audit trail in the database: entries go into their chains, in the transaction of the change that they tell of.

A chain's head is locked from here to the end of the transaction, which is near: this is the last thing that is done in
it. Of several heads the one with the lesser id comes first, always. So nobody who holds a head waits for anything but
a greater one, and nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Executable, insert, update
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
    count, previous = connection.execute(_locked_head(connection, chain)).one()
    rows: list[Mapping[str, Any]] = []
    for entry in entries:
        count += 1
        link = _link(chain, count, entry)
        previous = hash_after(previous, link)
        rows.append(link._asdict() | {"at": entry.at, "hash": previous})
    connection.execute(insert(AuditRow), rows)
    connection.execute(update(AuditHead).where(AuditHead.tenant_id == chain).values(count=count, hash=previous))


def _locked_head(connection: Connection, chain: str) -> Executable:
    """Makes the head where there is none, and holds it until the transaction ends. Gives count and hash."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    made = dialect.insert(AuditHead).values(tenant_id=chain, count=0, hash=BEGINNING)
    held = made.on_conflict_do_update(index_elements=[AuditHead.tenant_id], set_={"count": AuditHead.count})
    locked: Executable = held.returning(AuditHead.count, AuditHead.hash)
    return locked


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
