"""Whether a tenant may have one more of something."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, select

from gateway.db.model import Base
from gateway.errors import Hint, LimitReached
from gateway.tenants.acting import Acting
from gateway.tenants.models import Tenant


def require_room(acting: Acting, limit: str, model: type[Base], *which: ColumnElement[bool]) -> None:
    """Raises `LimitReached` when the tenant has as many rows of `model`, of those that `which` holds for, as its limit
    `limit` allows. Two who ask at once are answered one after the other.
    """
    most = getattr(acting.tenant.limits, limit)
    if most is None:
        return
    session = acting.session
    # Stands beside the shared lock that every foreign key to the tenant takes.
    session.execute(select(Tenant.id).where(Tenant.id == session.tenant_id).with_for_update(key_share=True))
    count = session.scalar(select(func.count()).select_from(model).where(*which)) or 0
    if count >= most:
        message = f"the tenant {acting.tenant.slug!r} may have {most} {limit}, and has {count}"
        raise LimitReached(message, Hint("raise_limit", {"slug": acting.tenant.slug, "limit": limit}))
