"""How much of the journal is whose, and who has as much as they may: counters whose cost does not grow with history.

Events are added up to a mark that follows the journal (`events.usage_counter`); what is purged is taken off. Both hold
the mark, so that nothing is taken off that was not added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import BigInteger, Boolean, Connection, String, case, false, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, ConfigurationKind, TenantOwned
from gateway.db.revisions import move_revisions
from gateway.db.types import Identifier
from gateway.tenants.limits import limits_of
from gateway.tenants.models import Tenant

_JOURNAL = "journal"


class TenantUsage(Base, TenantOwned):
    """What a tenant has in the journal: events, and the bytes of their bodies as they came. `is_full` is looked at when
    either changes; no row means nothing.
    """

    __tablename__ = "tenant_usage"
    tenant_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    events: Mapped[int] = mapped_column(BigInteger, default=0)
    stored_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    is_full: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


class UsageMark(Base):
    """Up to which event, by its id, the journal is counted."""

    __tablename__ = "usage_marks"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    counted_to: Mapped[str] = mapped_column(Identifier)


class Amount(NamedTuple):
    """Some events."""

    events: int = 0
    stored_bytes: int = 0


def counted_to(connection: Connection) -> str:
    """The id of the last event that was counted, empty for none."""
    return connection.execute(_MARK).scalar_one()


def hold_mark(connection: Connection) -> str:
    """The same, and nobody else adds or takes off until this transaction ends."""
    return connection.execute(_MARK.with_for_update()).scalar_one()


def add(connection: Connection, amounts: Mapping[str, Amount], *, counted: str) -> None:
    """Count `amounts`, by the tenants' ids, up to the event `counted`. The mark is held."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    for tenant_id, amount in sorted(amounts.items()):
        row = dialect.insert(TenantUsage).values(tenant_id=tenant_id, is_full=False, **amount._asdict())
        more = {
            "events": TenantUsage.events + row.excluded.events,
            "stored_bytes": TenantUsage.stored_bytes + row.excluded.stored_bytes,
        }
        connection.execute(row.on_conflict_do_update(index_elements=[TenantUsage.tenant_id], set_=more))
    connection.execute(update(UsageMark).where(UsageMark.name == _JOURNAL).values(counted_to=counted))


def take_off(connection: Connection, amounts: Mapping[str, Amount]) -> None:
    """Take off what was removed of what was counted. The mark is held."""
    for tenant_id, (events, stored_bytes) in sorted(amounts.items()):
        # Never below nothing, whatever a wrong clock has left uncounted.
        less = {
            "events": case((TenantUsage.events > events, TenantUsage.events - events), else_=0),
            "stored_bytes": case(
                (TenantUsage.stored_bytes > stored_bytes, TenantUsage.stored_bytes - stored_bytes), else_=0
            ),
        }
        connection.execute(update(TenantUsage).where(TenantUsage.tenant_id == tenant_id).values(less))


def find_turned(connection: Connection) -> Mapping[str, bool]:
    """The tenants that became full, or are not full any more, by their ids."""
    joined = select(Tenant.id, Tenant.limits, TenantUsage.stored_bytes, TenantUsage.is_full).outerjoin(
        TenantUsage, TenantUsage.tenant_id == Tenant.id
    )
    turned = {}
    for row in connection.execute(joined.where(Tenant.erasing_at.is_(None))):
        most = limits_of(row.limits).stored_bytes
        is_full = most is not None and (row.stored_bytes or 0) >= most
        if is_full != bool(row.is_full):
            turned[row.id] = is_full
    return turned


def turn(connection: Connection, turned: Mapping[str, bool]) -> None:
    """Write down who is full now, for every process to see."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    for tenant_id, is_full in sorted(turned.items()):
        row = dialect.insert(TenantUsage).values(tenant_id=tenant_id, events=0, stored_bytes=0, is_full=is_full)
        connection.execute(row.on_conflict_do_update(index_elements=[TenantUsage.tenant_id], set_={"is_full": is_full}))
    move_revisions(connection, {ConfigurationKind.TENANTS})


_MARK = select(UsageMark.counted_to).where(UsageMark.name == _JOURNAL)
