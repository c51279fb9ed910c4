"""Fair shares, and what a destination's own bounds allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import MICROSECONDS
from gateway.delivery.decisions.allotment import NOTHING, Allowance, allow, is_guarded, next_chance_us, share
from gateway.delivery.decisions.circuit import Circuit
from gateway.delivery.decisions.shared_state import SharedState
from gateway.delivery.models import CircuitState, DestinationKind

from .test_outgoing import target

NOW_US = 1_800_000_000 * MICROSECONDS
OPEN = SharedState(circuit=Circuit(CircuitState.OPEN, 20, 1, probe_at_us=NOW_US))


@pytest.mark.parametrize(
    ("limit", "wanted", "expected"),
    [
        (10, {"a": 3}, {"a": 3}),
        (10, {"a": 100, "b": 100}, {"a": 5, "b": 5}),
        (10, {"a": 100, "b": 2}, {"a": 8, "b": 2}),
        (2, {"a": 5, "b": 1, "c": 5}, {"a": 1, "b": 1}),
        (0, {"a": 5}, {}),
        (10, {}, {}),
    ],
)
def test_share(limit: int, wanted: dict[str, int], expected: dict[str, int]) -> None:
    assert share(limit, wanted) == expected


@given(st.integers(0, 500), st.dictionaries(st.text(max_size=3), st.integers(1, 200), max_size=40))
def test_shares_are_fair_and_leave_nothing_that_is_wanted(limit: int, wanted: dict[str, int]) -> None:
    parts = share(limit, wanted)
    assert sum(parts.values()) == min(limit, sum(wanted.values()))
    assert all(0 < part <= wanted[name] for name, part in parts.items())
    most = max(parts.values(), default=0)
    assert all(part == wanted[name] or part >= most - 1 for name, part in parts.items())


def test_the_tightest_bound_counts() -> None:
    shared = target(concurrency=5, concurrency_is_shared=True)
    assert allow(shared, SharedState(), free=50, leased=2, now_us=NOW_US) == Allowance(3)
    assert allow(shared, SharedState(), free=1, leased=2, now_us=NOW_US) == Allowance(1)
    assert allow(shared, SharedState(), free=50, leased=9, now_us=NOW_US) == NOTHING
    paced = SharedState(rate_tokens=1.9, rate_refilled_at_us=NOW_US)
    assert allow(target(rate_per_second=2.0), paced, free=50, leased=0, now_us=NOW_US) == Allowance(1)


def test_who_gets_nothing() -> None:
    for state in (SharedState(is_disabled=True), SharedState(paused_until_us=NOW_US + 1)):
        assert allow(target(), state, free=5, leased=0, now_us=NOW_US) == NOTHING
    assert allow(target(disabled=True), SharedState(), free=5, leased=0, now_us=NOW_US) == NOTHING
    assert allow(target(), OPEN, free=5, leased=0, now_us=NOW_US - 1) == NOTHING


def test_an_open_circuit_gets_one_probe_and_handlers_have_none() -> None:
    assert allow(target(), OPEN, free=5, leased=0, now_us=NOW_US) == Allowance(1, is_probe=True)
    handler = target(kind=DestinationKind.HANDLER)
    assert allow(handler, OPEN, free=5, leased=0, now_us=NOW_US) == Allowance(5)


def test_only_what_workers_share_needs_a_lock() -> None:
    assert not is_guarded(target(), SharedState())
    assert is_guarded(target(), OPEN)
    assert is_guarded(target(rate_per_second=1.0), SharedState())
    assert is_guarded(target(concurrency_is_shared=True), SharedState())


def test_a_clock_set_back_does_not_empty_the_bucket() -> None:
    state = SharedState(rate_tokens=1.0, rate_refilled_at_us=NOW_US + 3600 * MICROSECONDS)
    assert state.tokens(5.0, NOW_US) == 1.0


def test_when_to_ask_again_for_who_gets_nothing() -> None:
    opened = SharedState(circuit=Circuit(CircuitState.OPEN, 20, 1, probe_at_us=NOW_US + 7))
    assert next_chance_us(target(), opened, now_us=NOW_US) == NOW_US + 7
    assert next_chance_us(target(), SharedState(paused_until_us=NOW_US + 9), now_us=NOW_US) == NOW_US + 9
    # What another worker, or time, may change at any moment.
    assert next_chance_us(target(rate_per_second=2.0), SharedState(), now_us=NOW_US) == NOW_US
    # What only somebody's change of it ends.
    assert next_chance_us(target(disabled=True), opened, now_us=NOW_US) is None
    assert next_chance_us(target(), SharedState(is_disabled=True), now_us=NOW_US) is None
