"""Connections that do not work, and those that nobody keeps alive."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select, text

from gateway.db.shared_clock import shared_now
from gateway.doctor.check import CheckResult, Level
from gateway.errors import Hint
from gateway.installation import Installation
from gateway.oauth.connections.gauges import count_overdue
from gateway.oauth.connections.reasons import REASONS
from gateway.oauth.models import IS_LIVE, Connection
from gateway.oauth.states import ConnectionState

NAME = "connections"
NAMED = 10
"""So many are named; of more there is the number."""
BAD = (ConnectionState.NEEDS_REAUTH, ConnectionState.REFRESH_UNCERTAIN)


def connections(installation: Installation) -> Iterator[CheckResult]:
    """How many there are; which need their customer, and of which a refresh is uncertain or overdue.

    Raises `StorageUnavailable`.
    """
    now = shared_now(installation.clock, installation.database)
    with installation.database.system_session() as session:
        live = select(func.count()).select_from(Connection).where(text(IS_LIVE))
        known = session.scalar(live) or 0
        bad = {state: session.scalar(live.where(Connection.state == state)) or 0 for state in BAD}
        named = select(Connection).where(text(IS_LIVE), Connection.state.in_(BAD)).order_by(Connection.id)
        rows = session.scalars(named.limit(NAMED)).all()
        overdue = count_overdue(session.connection(), now)
    if not any(bad.values()) and not overdue:
        yield CheckResult(NAME, Level.OK, f"{known}, none that is known to be broken" if known else "none")
        return
    yield from map(_named, rows)
    more = sum(bad.values()) - len(rows)
    if more:
        yield CheckResult(NAME, Level.WARN, f"{more} more need their customers, or are uncertain")
    if overdue:
        detail = f"{overdue} are due to be refreshed for more than five minutes and not taken"
        yield CheckResult(NAME, Level.WARN, detail, Hint("start_worker"))


def _named(row: Connection) -> CheckResult:
    why = REASONS.get(row.reason or "") or row.reason or "nobody said why"
    return CheckResult(NAME, Level.WARN, f"{row.id} at {row.provider} is {row.state}: {why}")
