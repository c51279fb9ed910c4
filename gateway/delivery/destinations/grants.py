"""Connections as destinations know them: whose token goes along with deliveries, and whether it is good for anything.

Connections stand above (`gateway.oauth`). Here is read of their table whether one is there, and its state.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import Connection, and_, column, select, table
from sqlalchemy.orm import Session

from gateway.db.model import ConfigurationKind
from gateway.db.revisions import move_revisions
from gateway.delivery.models import Destination
from gateway.errors import Fault
from gateway.out_of_order import OutOfOrder, OutOfOrderCode

USABLE_STATES: Final = ("connected", "degraded", "refresh_uncertain")
"""Those in which a connection's token may be asked for: `gateway.oauth.states.USABLE`."""

_CONNECTIONS = table("connections", column("id"), column("tenant_id"), column("state"))
_DESTINATIONS = Destination.__table__


def connection_fault(within: Connection, tenant_id: str, connection_id: str | None) -> Fault | None:
    """What is wrong with a connection that a destination is to authenticate with; None: nothing, or there is none."""
    if connection_id is None:
        return None
    wanted = _CONNECTIONS.c.id == connection_id, _CONNECTIONS.c.tenant_id == tenant_id
    state = within.execute(select(_CONNECTIONS.c.state).where(*wanted)).scalar()
    if state is None:
        message = f"there is no connection {connection_id!r}"
        return Fault("connection", "unknown", message)
    if state == "revoked":
        return Fault("connection", "unusable", f"the connection {connection_id} was revoked")
    return None


def broken_grants(within: Connection, *, tenant_id: str | None = None) -> Mapping[str, OutOfOrder]:
    """The destinations, by id, of one tenant or of all, whose connection gives no token now: their deliveries wait."""
    own, theirs = _DESTINATIONS.c, _CONNECTIONS.c
    both = and_(theirs.id == own.connection_id, theirs.tenant_id == own.tenant_id)
    found = (
        select(own.id, own.tenant_id, own.name, own.connection_id, theirs.state)
        .select_from(_DESTINATIONS.outerjoin(_CONNECTIONS, both))
        .where(own.connection_id.is_not(None))
    )
    if tenant_id is not None:
        found = found.where(own.tenant_id == tenant_id)
    return {
        row.id: OutOfOrder(
            row.id, row.tenant_id, row.name, OutOfOrderCode.CONNECTION_BROKEN, _detail(row.connection_id, row.state)
        )
        for row in within.execute(found)
        if row.state not in USABLE_STATES
    }


def connection_changed(session: Session, connection_ids: Collection[str]) -> None:
    """Have workers look again at the destinations that authenticate with these connections, whose state changed in the
    transaction of `session`.
    """
    within = session.connection()
    used = select(_DESTINATIONS.c.id).where(_DESTINATIONS.c.connection_id.in_(connection_ids)).limit(1)
    if within.execute(used).first() is not None:
        move_revisions(within, {ConfigurationKind.DESTINATIONS})


def _detail(connection_id: str, state: str | None) -> str:
    if state is None:
        return f"its connection {connection_id} is not there any more"
    if state == "needs_reauth":
        return (
            f"its connection {connection_id} needs the customer to connect again; deliveries go on by themselves then"
        )
    return f"its connection {connection_id} is {state}"
