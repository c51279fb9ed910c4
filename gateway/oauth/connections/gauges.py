"""How connections are at this moment: read from the database, from an index alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection as Transaction
from sqlalchemy import func, select, text

from gateway.clock import Clock
from gateway.db.database import Database
from gateway.db.shared_clock import shared_now
from gateway.oauth.models import IS_DUE, IS_LIVE, Connection
from gateway.telemetry.exposition import ConnectionGauges

OVERDUE = timedelta(minutes=5)
"""A refresh that is due for longer than this is overdue: no worker takes it, or there is more due than they can do."""

_LIVE = (
    select(Connection.provider, Connection.state, func.count())
    .where(text(IS_LIVE))
    .group_by(Connection.provider, Connection.state)
)


def read_connection_gauges(database: Database, clock: Clock) -> ConnectionGauges:
    """The gauges. Raises `StorageUnavailable`."""
    now = shared_now(clock, database)
    with database.read() as connection:
        found = {(provider, state): count for provider, state, count in connection.execute(_LIVE)}
        return ConnectionGauges(found, count_overdue(connection, now))


def count_overdue(connection: Transaction, now: datetime) -> int:
    """How many connections are overdue."""
    late = select(func.count()).select_from(Connection).where(text(IS_DUE), Connection.refresh_at < now - OVERDUE)
    return connection.scalar(late) or 0
