"""What has become of a connect session, told by its rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.oauth.flows.outcomes import Outcome
from gateway.oauth.models import ConnectSession, Flow

# A flow that was consumed longer ago than its calls to the provider can take was cut off.
CUT_OFF_AFTER = timedelta(minutes=2)


class SessionState(StrEnum):
    """How far the customer has come."""

    PENDING = "pending"  # nobody has opened the URL yet
    OPENED = "opened"  # a browser has: the customer is on the way
    CONNECTED = "connected"  # the account is connected
    FAILED = "failed"  # it ended without; `outcome` says why
    EXPIRED = "expired"  # the time was up before


def outcome_of(flows: Sequence[Flow], now: datetime) -> Flow | None:
    """The flow of a session, oldest first, that says how it ended; None where none has yet."""
    last = flows[-1] if flows else None
    if last is None or last.outcome is None or last.consumed_at is None:
        return None
    is_under_way = last.outcome == Outcome.INTERRUPTED and now - last.consumed_at < CUT_OFF_AFTER
    return None if is_under_way else last


def state_of(session: ConnectSession, flows: Sequence[Flow], now: datetime) -> SessionState:
    """How far the customer has come."""
    ended = outcome_of(flows, now)
    if ended is not None:
        return SessionState.CONNECTED if ended.outcome == Outcome.CONNECTED else SessionState.FAILED
    if flows and (flows[-1].consumed_at is not None or flows[-1].expires_at > now):
        return SessionState.OPENED
    if flows or session.expires_at <= now:
        return SessionState.EXPIRED
    return SessionState.PENDING if session.opened_at is None else SessionState.OPENED
