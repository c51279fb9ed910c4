"""Erasing a tenant: everything that it has in any table, in short transactions beside a running gateway.

First the tenant is marked: web processes and workers let go of it within a second, and nobody acts for it any more.
Then its rows go, table by table, again and again until a look under a lock on the tenant's row finds none. What was
removed is counted in that row, so that an erase which was killed goes on where it was, and its counts are right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, delete, func, literal, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from gateway.db.revisions import EVERY_KIND, move_revisions
from gateway.db.scope import SystemSession
from gateway.delivery.models import Attempt, Delivery, DeliveryState
from gateway.events.models import Event
from gateway.tenant_data.tables import OWNED, OwnedTable
from gateway.tenants.acting import SystemActing
from gateway.tenants.directory import require_tenant
from gateway.tenants.models import DEFAULT_TENANT_ID, Tenant
from gateway.webhooks.proofs.models import AcceptedProof

BATCH_ROWS = 1000
SETTLED_AFTER = timedelta(seconds=3)
"""By then every process has seen that the tenant is going, and what was under way when it was marked has come in."""
PAUSE_SECONDS = 0.5

PROOFS = AcceptedProof.__tablename__

Clear: TypeAlias = Callable[[SystemActing, str, Any], tuple[dict[str, int], Any]]
"""Removes some rows of a tenant behind a position, None for the first: how many of which table, and the next position,
None at the end.
"""

BeginSystem: TypeAlias = Callable[[], AbstractContextManager[SystemActing]]
"""Opens the next transaction, for writing, of one who acts for no tenant."""


def plan_erasing(acting: SystemActing, slug: str) -> Mapping[str, int]:
    """How many rows of each table would go. Raises `NotFound`."""
    tenant = require_tenant(acting.session, slug)
    counted = {
        table.name: _counted(acting, select(func.count()).select_from(table.model).where(table.of(tenant.id)))
        for table in OWNED
    }
    owned = select(Event.id).where(Event.tenant_id == tenant.id)
    proofs = select(func.count()).select_from(AcceptedProof).where(AcceptedProof.event_id.in_(owned))
    return counted | {PROOFS: _counted(acting, proofs)}


def _counted(acting: SystemActing, statement: Select[int]) -> int:
    return acting.session.scalar(statement) or 0


def erase_tenant(
    begin: BeginSystem,
    slug: str,
    *,
    pause: Callable[[float], None],
    before: Callable[[str], None] | None = None,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[Mapping[str, int]]:
    """Remove the tenant with all that it has; of the default tenant the row stays, as new. After each transaction comes
    how many rows of each table are gone, the last value is the whole. `pause` waits so many seconds. `before` is given
    the tenant's id when nobody acts for it any more and all is still there.

    May be stopped between two values, or killed, and started again: it goes on. Raises `NotFound`,
    `StorageUnavailable`.
    """
    gone: Mapping[str, int] = {}
    with begin() as acting:
        tenant_id, settled_at = _mark(acting, slug)
    with begin() as acting:
        # Waits for all who wrote for it when it was marked.
        acting.session.execute(select(Tenant.id).where(Tenant.id == tenant_id).with_for_update())
    if before is not None:
        before(tenant_id)
    while True:
        clears: list[Clear] = [
            partial(_clear_proofs, batch_rows),
            *(partial(_clear, table, batch_rows) for table in OWNED),
        ]
        for clear in clears:
            position: Any = None
            while True:
                with begin() as acting:
                    counts, position = clear(acting, tenant_id, position)
                    gone = _count(acting.session, tenant_id, counts) if counts else gone
                if counts:
                    yield gone
                if position is None:
                    break
        with begin() as acting:
            left_seconds = (settled_at - acting.now).total_seconds()
            ended = _finish(acting, tenant_id) if left_seconds <= 0 else None
        if ended is not None:
            yield ended
            return
        pause(max(PAUSE_SECONDS, left_seconds))


def _mark(acting: SystemActing, slug: str) -> tuple[str, datetime]:
    tenant = require_tenant(acting.session, slug)
    if tenant.erasing_at is None:
        tenant.erasing_at = acting.now
        acting.audit("tenant.erasing", tenant.id, slug)
    return tenant.id, tenant.erasing_at + SETTLED_AFTER


def _count(session: SystemSession, tenant_id: str, counts: Mapping[str, int]) -> dict[str, int]:
    """Add `counts` to what is gone so far, which comes back."""
    connection = session.connection()
    before = connection.execute(select(Tenant.erased).where(Tenant.id == tenant_id)).scalar()
    gone = dict(before or {})
    for name, count in counts.items():
        gone[name] = gone.get(name, 0) + count
    connection.execute(update(Tenant).where(Tenant.id == tenant_id).values(erased=gone))
    return gone


def _clear_proofs(batch_rows: int, acting: SystemActing, tenant_id: str, position: Any) -> tuple[dict[str, int], Any]:
    """Proofs name no tenant: those of its events are looked for among all, while there are events."""
    session = acting.session
    if not _is_any(session, Event.tenant_id == tenant_id):
        return {}, None
    some = select(AcceptedProof.digest, AcceptedProof.event_id).order_by(AcceptedProof.digest).limit(batch_rows)
    rows = session.execute(some if position is None else some.where(AcceptedProof.digest > position)).all()
    ids = [row.event_id for row in rows]
    owned = set(session.scalars(select(Event.id).where(Event.id.in_(ids), Event.tenant_id == tenant_id)))
    digests = [row.digest for row in rows if row.event_id in owned]
    if digests:
        session.connection().execute(delete(AcceptedProof).where(AcceptedProof.digest.in_(digests)))
    following = rows[-1].digest if len(rows) == batch_rows else None
    return ({PROOFS: len(digests)} if digests else {}), following


def _clear(
    table: OwnedTable, batch_rows: int, acting: SystemActing, tenant_id: str, position: Any
) -> tuple[dict[str, int], Any]:
    session = acting.session
    some = select(table.key).where(table.of(tenant_id)).order_by(table.key).limit(batch_rows)
    if position is not None:
        some = some.where(table.key > position)
    if table.model is Delivery:
        # Whoever tries it now has still to write down what came of it: until then, or until its lease ends, it stays.
        some = some.where(or_(Delivery.state != DeliveryState.LEASED, _has_no_lease(acting)))
    # What somebody else holds just now goes in the next round: nobody waits for it in a circle.
    keys = session.scalars(some.with_for_update(skip_locked=True)).all()
    if not keys:
        return {}, None
    counts: dict[str, int] = {}
    if table.model is Delivery:
        counts[Attempt.__tablename__] = _removed(session, Attempt.tenant_id == tenant_id, Attempt.delivery_id, keys)
    counts[table.name] = _removed(session, table.of(tenant_id), table.key, keys)
    return counts, keys[-1] if len(keys) == batch_rows else None


def _has_no_lease(acting: SystemActing) -> ColumnElement[bool]:
    return or_(Delivery.lease_expires_at.is_(None), Delivery.lease_expires_at <= acting.now)


def _is_any(session: SystemSession, which: ColumnElement[bool]) -> bool:
    return session.execute(select(literal(1)).where(which).limit(1)).first() is not None


def _removed(session: SystemSession, owned: ColumnElement[bool], key: InstrumentedAttribute[Any], keys: Any) -> int:
    # Past the ORM: no snapshot has to be loaded anew for what is no part of it any more.
    return session.connection().execute(delete(key.class_).where(owned, key.in_(keys))).rowcount


def _finish(acting: SystemActing, tenant_id: str) -> Mapping[str, int] | None:
    """The end, where nothing is left: what is gone in all. None where something is."""
    session = acting.session
    tenant = session.scalars(select(Tenant).where(Tenant.id == tenant_id).with_for_update()).one_or_none()
    if tenant is None:
        # Somebody else who erases it was quicker.
        return {}
    if any(_is_any(session, table.of(tenant_id)) for table in OWNED):
        return None
    gone = {name: count for name, count in (tenant.erased or {}).items() if count}
    if tenant_id == DEFAULT_TENANT_ID:
        tenant.limits, tenant.return_origins = {}, []
        tenant.suspended_at = tenant.erasing_at = tenant.erased = None
    else:
        session.delete(tenant)
    session.flush()
    # Of the tenant nothing stays in the memory of any process.
    move_revisions(session.connection(), EVERY_KIND)
    acting.audit("tenant.erased", tenant_id, tenant.slug, after=gone)
    return gone
