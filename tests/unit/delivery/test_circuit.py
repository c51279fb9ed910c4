"""The circuit: when it opens, how long it waits, and that one probe decides."""

from __future__ import annotations

import pytest

from gateway.clock import MICROSECONDS
from gateway.delivery.decisions.circuit import CLOSED, FAILURES_TO_OPEN, Circuit, after_attempt, allows_probe, probing
from gateway.delivery.decisions.policy import Outcome
from gateway.delivery.models import CircuitState

NOW_US = 1_800_000_000 * MICROSECONDS


def after(circuit: Circuit, *outcomes: Outcome, is_probe: bool = False, now_us: int = NOW_US) -> Circuit:
    for outcome in outcomes:
        circuit = after_attempt(circuit, outcome, is_probe=is_probe, now_us=now_us, random=lambda: 0.5)
    return circuit


OPEN = after(CLOSED, *[Outcome.TIMEOUT] * FAILURES_TO_OPEN)


def test_it_opens_after_twenty_failures_in_a_row() -> None:
    almost = after(CLOSED, *[Outcome.HTTP_5XX] * (FAILURES_TO_OPEN - 1))
    assert almost.state is CircuitState.CLOSED
    opened = after(almost, Outcome.CONNECTION_ERROR)
    assert (opened.state, opened.opened_count) == (CircuitState.OPEN, 1)
    assert opened.probe_at_us == NOW_US + 5 * MICROSECONDS


@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.HTTP_4XX, Outcome.REDIRECT])
def test_any_answer_below_500_resets(outcome: Outcome) -> None:
    assert after(CLOSED, *[Outcome.TIMEOUT] * (FAILURES_TO_OPEN - 1), outcome) == CLOSED
    assert after(OPEN, outcome) == CLOSED


@pytest.mark.parametrize("outcome", [Outcome.HANDLER_FAILED, Outcome.HANDLER_CRASHED, Outcome.LEASE_EXPIRED])
def test_what_tells_nothing_about_the_endpoint_changes_nothing(outcome: Outcome) -> None:
    assert after(CLOSED, *[outcome] * 50) == CLOSED


def test_tries_that_were_in_flight_when_it_opened_do_not_lengthen_the_pause() -> None:
    assert after(OPEN, *[Outcome.TIMEOUT] * 80) == OPEN
    half_open = probing(OPEN, expires_at_us=NOW_US)
    assert after(half_open, *[Outcome.TIMEOUT] * 80) == half_open


def test_a_failed_probe_doubles_the_pause_up_to_five_minutes() -> None:
    circuit, pauses = OPEN, []
    for _ in range(9):
        circuit = after(probing(circuit, expires_at_us=NOW_US), Outcome.TIMEOUT, is_probe=True)
        assert circuit.probe_at_us is not None
        pauses.append((circuit.probe_at_us - NOW_US) / MICROSECONDS)
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300, 300]


def test_a_circuit_that_stays_open_for_years_still_adds_up() -> None:
    ancient = Circuit(CircuitState.HALF_OPEN, 20, opened_count=1_000_000)
    assert after(ancient, Outcome.TIMEOUT, is_probe=True).opened_count == 1_000_001


def test_a_probe_that_succeeds_closes_it() -> None:
    assert after(probing(OPEN, expires_at_us=NOW_US), Outcome.DELIVERED, is_probe=True) == CLOSED


def test_a_probe_may_go_when_its_time_has_come() -> None:
    assert OPEN.probe_at_us is not None
    assert not allows_probe(OPEN, NOW_US)
    assert allows_probe(OPEN, OPEN.probe_at_us)


def test_another_probe_may_go_when_the_first_was_never_answered() -> None:
    half_open = probing(OPEN, expires_at_us=NOW_US + MICROSECONDS)
    assert not allows_probe(half_open, NOW_US)
    assert allows_probe(half_open, NOW_US + MICROSECONDS)


def test_a_clock_set_back_by_a_day_does_not_keep_it_open_for_a_day() -> None:
    assert allows_probe(OPEN, NOW_US - 86_400 * MICROSECONDS)
