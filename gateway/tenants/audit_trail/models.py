"""The tables of the audit trail: entries in chains, and the head of each chain.

A tenant has a chain of its own, which goes with the tenant; what concerns no tenant is in the chain `SYSTEM`. Rows are
written by `trail` only, never changed, and removed only with all of their chain.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, String, Text, UniqueConstraint, event
from sqlalchemy.orm import Mapped, Mapper, ORMExecuteState, Session, mapped_column

from gateway.db.model import Base, TenantOwned
from gateway.db.types import Identifier, UtcTimestamp
from gateway.errors import GatewayError


class AuditRow(Base, TenantOwned):
    """One change. `number` counts from 1 in its chain, which is `tenant_id`'s; `before` and `after` are JSON objects.

    `hash` is over this row and the hash of the one before (`chain`).
    """

    __tablename__ = "audit_entries"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(UtcTimestamp)
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[str | None] = mapped_column(String(64))
    actor_name: Mapped[str] = mapped_column(String(255))
    address: Mapped[str | None] = mapped_column(String(255))
    request_id: Mapped[str | None] = mapped_column(String(128))
    action: Mapped[str] = mapped_column(String(64))
    object_id: Mapped[str] = mapped_column(String(255))
    object_name: Mapped[str | None] = mapped_column(String(255))
    before: Mapped[str] = mapped_column(Text)
    after: Mapped[str] = mapped_column(Text)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))

    __table_args__ = (
        UniqueConstraint("tenant_id", "number"),
        Index("ix_audit_entries_tenant_id_id", "tenant_id", "id"),
    )


class AuditHead(Base, TenantOwned):
    """How long a chain is, and the hash of its last row: what was cut off at the end would not be missed else.

    Who adds to the chain locks this row, as the last thing in a transaction.
    """

    __tablename__ = "audit_heads"
    tenant_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class AuditIsAppendOnly(GatewayError):
    """Code tried to change or remove an entry: a defect of ours, never of input."""

    code = "audit_is_append_only"


@event.listens_for(AuditRow, "before_update")
@event.listens_for(AuditRow, "before_delete")
def _refuse(_mapper: Mapper[AuditRow], _connection: object, row: AuditRow) -> None:
    raise AuditIsAppendOnly(f"the audit entry {row.id} stays as it is")


@event.listens_for(Session, "do_orm_execute")
def _refuse_in_bulk(state: ORMExecuteState) -> None:
    if (state.is_update or state.is_delete) and state.bind_mapper is not None and state.bind_mapper.class_ is AuditRow:
        raise AuditIsAppendOnly("audit entries stay as they are")
