"""The decision after a try: every class of DESIGN 3.2, and what holds for all of them."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import MICROSECONDS, from_us
from gateway.config import DEFAULT_SCHEDULE_SECONDS
from gateway.delivery.decisions.policy import (
    LEASE_GRACE_ATTEMPTS,
    MAX_RETRY_AFTER_SECONDS,
    AttemptResult,
    Decision,
    Outcome,
    classify_status,
    decide,
    parse_retry_after,
)
from gateway.delivery.models import DeliveryState
from tests.services.for_each import for_each_row

NOW_US = 1_800_000_000 * MICROSECONDS
SCHEDULE = (5.0, 30.0)


def decided(
    outcome: Outcome,
    *,
    status: int | None = None,
    position: int = 0,
    fatal: tuple[int, ...] = (),
    retry_after: float | None = None,
    random: float = 0.5,
    schedule: tuple[float, ...] = SCHEDULE,
) -> Decision:
    result = AttemptResult(outcome, NOW_US, 10, status, retry_after_seconds=retry_after)
    return decide(
        result,
        position=position,
        schedule_seconds=schedule,
        fatal_statuses=frozenset(fatal),
        now_us=NOW_US,
        random=lambda: random,
    )


@for_each_row(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (204, Outcome.DELIVERED),
        (299, Outcome.DELIVERED),
        (101, Outcome.REDIRECT),
        (302, Outcome.REDIRECT),
        (304, Outcome.REDIRECT),
        (400, Outcome.HTTP_4XX),
        (429, Outcome.HTTP_4XX),
        (500, Outcome.HTTP_5XX),
        (599, Outcome.HTTP_5XX),
        (999, Outcome.HTTP_5XX),
    ],
)
def test_a_status_has_a_class(status: int, outcome: Outcome) -> None:
    assert classify_status(status) is outcome


def test_a_delivered_one_is_done() -> None:
    assert decided(Outcome.DELIVERED, status=200) == Decision(DeliveryState.DELIVERED, 0)


@for_each_row(
    ("outcome", "status"),
    [
        (Outcome.HTTP_4XX, 401),
        (Outcome.HTTP_4XX, 403),
        (Outcome.HTTP_4XX, 404),
        (Outcome.HTTP_4XX, 429),
        (Outcome.HTTP_5XX, 500),
        (Outcome.REDIRECT, 302),
        (Outcome.TIMEOUT, None),
        (Outcome.CONNECTION_ERROR, None),
        (Outcome.ADDRESS_FORBIDDEN, None),
        (Outcome.RESPONSE_TOO_LARGE, 200),
        (Outcome.HANDLER_FAILED, None),
        (Outcome.HANDLER_TIMEOUT, None),
        (Outcome.HANDLER_CRASHED, None),
    ],
)
def test_failures_follow_the_schedule_until_it_is_exhausted(outcome: Outcome, status: int | None) -> None:
    first = decided(outcome, status=status)
    assert first == Decision(DeliveryState.PENDING, 1, next_attempt_at_us=NOW_US + 5 * MICROSECONDS)
    second = decided(outcome, status=status, position=1)
    assert second.next_attempt_at_us == NOW_US + 30 * MICROSECONDS
    last = decided(outcome, status=status, position=2)
    assert last == Decision(DeliveryState.DEAD, 2, reason="exhausted")


def test_an_empty_schedule_means_one_try() -> None:
    assert decided(Outcome.TIMEOUT, schedule=()).reason == "exhausted"


def test_fatal_statuses_of_the_destination_are_refusals() -> None:
    assert decided(Outcome.HTTP_4XX, status=401, fatal=(401, 403)).reason == "refused"
    assert decided(Outcome.HTTP_4XX, status=404, fatal=(401, 403)).state is DeliveryState.PENDING


def test_gone_disables_the_destination() -> None:
    decision = decided(Outcome.HTTP_4XX, status=410)
    assert (decision.state, decision.reason, decision.disables) == (DeliveryState.DEAD, "destination_gone", True)


@pytest.mark.parametrize("outcome", [Outcome.HANDLER_PERMANENT_FAILURE, Outcome.EVENT_MISSING])
def test_what_cannot_become_better_is_dead_at_once(outcome: Outcome) -> None:
    assert decided(outcome) == Decision(DeliveryState.DEAD, 0, reason=outcome.value)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_paces_the_destination_and_the_delivery(status: int) -> None:
    decision = decided(classify_status(status), status=status, retry_after=60)
    assert decision.paused_until_us == decision.next_attempt_at_us == NOW_US + 60 * MICROSECONDS


def test_retry_after_never_shortens_the_schedule_and_counts_only_where_it_is_meant() -> None:
    assert decided(Outcome.HTTP_4XX, status=429, retry_after=1).next_attempt_at_us == NOW_US + 5 * MICROSECONDS
    assert decided(Outcome.HTTP_5XX, status=500, retry_after=60).paused_until_us is None


def test_retry_after_of_the_last_try_still_paces_the_destination() -> None:
    decision = decided(Outcome.HTTP_5XX, status=503, retry_after=60, position=2)
    assert (decision.state, decision.paused_until_us) == (DeliveryState.DEAD, NOW_US + 60 * MICROSECONDS)


def test_a_lost_worker_does_not_end_a_delivery_that_has_its_last_try() -> None:
    assert decided(Outcome.LEASE_EXPIRED, position=2).state is DeliveryState.PENDING
    assert decided(Outcome.LEASE_EXPIRED, position=2 + LEASE_GRACE_ATTEMPTS).reason == "exhausted"


@given(
    position=st.integers(0, 12),
    outcome=st.sampled_from([o for o in Outcome if o is not Outcome.DELIVERED]),
    status=st.sampled_from([None, 302, 400, 410, 429, 500, 503]),
    random=st.floats(0, 1, exclude_max=True),
    retry_after=st.none() | st.floats(0, MAX_RETRY_AFTER_SECONDS),
)
def test_every_failure_waits_within_its_bounds_or_is_dead_with_a_reason(
    position: int, outcome: Outcome, status: int | None, random: float, retry_after: float | None
) -> None:
    decision = decided(
        outcome,
        status=status,
        position=position,
        random=random,
        retry_after=retry_after,
        schedule=DEFAULT_SCHEDULE_SECONDS,
    )
    if decision.state is DeliveryState.DEAD:
        assert decision.reason
        assert decision.next_attempt_at_us is None
        return
    assert decision.state is DeliveryState.PENDING
    assert decision.schedule_position == position + 1
    assert decision.next_attempt_at_us is not None
    waits_seconds = (decision.next_attempt_at_us - NOW_US) / MICROSECONDS
    assert waits_seconds >= 0
    if outcome is not Outcome.LEASE_EXPIRED:
        planned = DEFAULT_SCHEDULE_SECONDS[position]
        asked = retry_after if retry_after is not None and status in (429, 503) else 0
        assert 0.8 * planned - 1e-5 <= waits_seconds <= max(1.2 * planned, asked) + 1e-5


def test_retry_after_as_seconds_and_as_a_date() -> None:
    assert parse_retry_after("120", NOW_US) == 120
    assert parse_retry_after(" 0 ", NOW_US) == 0
    date = format_datetime(from_us(NOW_US) + timedelta(minutes=2), usegmt=True)
    assert parse_retry_after(date, NOW_US) == 120


@pytest.mark.parametrize(
    "value", [None, "", "-5", "soon", "1.5", "٣", "Fri, 99 Foo 2026", "Thu, 01 Jan 1970 00:00:00 GMT"]
)
def test_retry_after_that_makes_no_sense_is_ignored(value: str | None) -> None:
    assert parse_retry_after(value, NOW_US) is None


@pytest.mark.parametrize("value", ["99999999", "9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_retry_after_is_capped_at_a_day(value: str) -> None:
    assert parse_retry_after(value, NOW_US) == MAX_RETRY_AFTER_SECONDS


@given(st.text(max_size=80))
def test_no_retry_after_breaks_anything(value: str) -> None:
    seconds = parse_retry_after(value, NOW_US)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_SECONDS
