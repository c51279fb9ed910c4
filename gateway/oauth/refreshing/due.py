"""The connections whose refresh is due, through an index that holds nothing else: cost does not grow with the rest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import select, text, update

from gateway.db.scope import SystemSession
from gateway.oauth.models import IS_DUE, Connection

BATCH_ROWS: Final = 500
POSTPONED: Final = timedelta(seconds=60)


class Due(NamedTuple):
    """A connection that is due. `app` is None for a way without app credentials."""

    id: str
    tenant_id: str
    app: str | None
    version: int


def find_due(session: SystemSession, now: datetime, *, limit: int = BATCH_ROWS) -> Sequence[Due]:
    """Those that are due for longest."""
    columns = (Connection.id, Connection.tenant_id, Connection.app_credentials_id, Connection.version)
    due = select(*columns).where(text(IS_DUE), Connection.refresh_at <= now).order_by(Connection.refresh_at)
    return [Due(*row) for row in session.execute(due.limit(limit))]


def postpone(session: SystemSession, ids: Collection[str], now: datetime, *, chance: float) -> int:
    """Those of `ids` that are still due, because nobody could begin, are due again in one to two minutes; how many."""
    until = now + POSTPONED * (1 + chance)
    still = update(Connection).where(Connection.id.in_(ids), text(IS_DUE), Connection.refresh_at <= now)
    changed = session.connection().execute(still.values(refresh_at=until, scheduled_at=now))
    return changed.rowcount
