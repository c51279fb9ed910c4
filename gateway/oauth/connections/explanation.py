"""What a person wants to know of a connection at once: how it is, why, what happened last, when it ends, what helps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from gateway.errors import Hint
from gateway.oauth.connections.reasons import REASONS, STATES, next_steps
from gateway.oauth.connections.rows import require_connection
from gateway.oauth.connections.summary import ConnectionSummary, summary
from gateway.oauth.models import ConnectSession, Flow
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True)
class FlowFacts:
    """How a customer's last try to connect it went. `outcome` None: it has not come back, or not yet."""

    at: datetime
    outcome: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """`meaning` and `why` are words for people, `why` None where nothing is wrong. `failures` are refreshes in a row
    that did not succeed; `is_refreshing`: one is under way.
    """

    connection: ConnectionSummary
    meaning: str
    why: str | None
    last_flow: FlowFacts | None
    failures: int
    is_refreshing: bool
    next_steps: Sequence[Hint]


def explain_connection(acting: Acting, connection_id: str) -> Explanation:
    """What is known of a connection. Raises `NotFound`."""
    row = require_connection(acting.session, connection_id)
    found = summary(acting.session, row)
    why = None
    if row.reason is not None or row.detail is not None:
        known = REASONS.get(row.reason or "")
        why = ": ".join(text for text in (known, row.detail) if text) or row.reason
    return Explanation(
        connection=found,
        meaning=STATES.get(row.state, row.state),
        why=why,
        last_flow=_last_flow(acting, connection_id),
        failures=row.failures,
        is_refreshing=row.lease_expires_at is not None and row.lease_expires_at > acting.now,
        next_steps=next_steps(
            row.state,
            row.reason,
            connection_id=row.id,
            provider=row.provider,
            way=row.way,
            app_credentials=found.app_credentials,
        ),
    )


def _last_flow(acting: Acting, connection_id: str) -> FlowFacts | None:
    """The last flow that made or was to renew it; flows are kept for some days."""
    anew = select(ConnectSession.id).where(ConnectSession.reconnect_id == connection_id)
    statement = select(Flow).where(or_(Flow.connection_id == connection_id, Flow.session_id.in_(anew)))
    flow = acting.session.scalars(statement.order_by(Flow.id.desc()).limit(1)).first()
    if flow is None:
        return None
    return FlowFacts(flow.consumed_at or flow.created_at, flow.outcome, flow.detail)
