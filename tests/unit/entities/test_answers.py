"""What follows from what a write raised, and how long until the next try."""

from __future__ import annotations

import pytest

from gateway.clients.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    CircuitOpen,
    ConnectionFailed,
    DeadlineExceeded,
    FailedCall,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    ResponseInvalid,
    Unavailable,
)
from gateway.entities.external import RecordInvalid
from gateway.entities.pushing.answers import LONGEST_WAIT_SECONDS, Consequence, failed, wait_seconds
from gateway.errors import StorageUnavailable


@pytest.mark.parametrize(
    ("error", "consequence"),
    [
        (AuthenticationFailed("expired"), Consequence.WAIT),
        (RateLimited("slowly"), Consequence.WAIT),
        (QuotaExhausted("pay"), Consequence.WAIT),
        (CircuitOpen("not sent"), Consequence.WAIT),
        (ConnectionFailed("refused"), Consequence.AGAIN),
        (DeadlineExceeded("late"), Consequence.AGAIN),
        (Unavailable("down"), Consequence.AGAIN),
        (AuthorizationFailed("not this"), Consequence.AGAIN),
        (ResponseInvalid("odd"), Consequence.AGAIN),
        (StorageUnavailable("away"), Consequence.AGAIN),
        (ValueError("a defect"), Consequence.AGAIN),
        (RequestRefused("no number"), Consequence.PARK),
        (RecordInvalid("unreadable"), Consequence.PARK),
    ],
)
def test_what_follows_from_an_error(error: Exception, consequence: Consequence) -> None:
    assert failed(error).consequence is consequence


def test_what_may_have_happened_is_in_doubt() -> None:
    assert failed(DeadlineExceeded("late", call=FailedCall(may_have_happened=True))).is_doubtful
    assert failed(KeyError("a defect")).is_doubtful
    assert not failed(ConnectionFailed("refused")).is_doubtful


def test_waits_double_are_spread_and_end_somewhere() -> None:
    assert [wait_seconds(attempt, None, 0.5) for attempt in (1, 2, 3)] == [5, 10, 20]
    assert wait_seconds(1, None, 0.0) == 4
    assert wait_seconds(1, None, 1.0) == pytest.approx(6)
    assert wait_seconds(100, None, 1.0) == pytest.approx(LONGEST_WAIT_SECONDS * 1.2)
    assert wait_seconds(1, 90.0, 0.5) == 90
