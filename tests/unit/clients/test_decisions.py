"""What is decided without a network: pauses, waits that systems ask for, circuits, limits, URLs."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits.storage import MemoryStorage

from gateway.clients import errors
from gateway.clients.addresses import BaseUrl, templated
from gateway.clients.breaker import Breaker, BreakerState, MemoryCircuits
from gateway.clients.errors import FailedCall, IntegrationError
from gateway.clients.limits import MemoryNotBefore, MemoryWindows, Rate, RateLimit, SharedWindows
from gateway.clients.retries import RetryBudget, RetryPolicy, pause_before_next
from gateway.clients.waits import STANDARD_WAITS, Unit, WaitHeader, read, wait_seconds
from gateway.clock import FakeClock
from tests.services.for_each import for_each_row

NOW = 1_795_171_821.0
SICK = errors.Unavailable("cannot now", call=FailedCall(status=503))
THEIR_WORD = errors.RemoteNotFound("not there", call=FailedCall(status=404))


@for_each_row(
    ("text", "unit", "seconds"),
    [
        ("120", Unit.RETRY_AFTER, 120),
        ("Fri, 20 Nov 2026 11:40:21 GMT", Unit.RETRY_AFTER, 3000),
        ("Fri, 20 Nov 2026 11:40:21 GMT", Unit.DATE, 3000),
        ("1795171881", Unit.EPOCH, 60),
        ("1500", Unit.MILLISECONDS, 1.5),
        ("6m0s", Unit.DURATION, 360),
        ("120ms", Unit.DURATION, 0.12),
        ("1h2m3.5s", Unit.DURATION, 3723.5),
        ("2026-11-20T10:50:21Z", Unit.ISO, 0),
        ("nan", Unit.SECONDS, None),
        ("soon", Unit.RETRY_AFTER, None),
        ("-5", Unit.RETRY_AFTER, None),
        ("5 bananas", Unit.DURATION, None),
        ("", Unit.DURATION, None),
    ],
)
def test_waits_are_read_as_systems_write_them(text: str, unit: Unit, seconds: float | None) -> None:
    assert read(text, unit, now=NOW) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"x-ratelimit-reset": "1795171881", "x-ratelimit-remaining": "0"}, 60),
        ({"x-ratelimit-reset": "1795171881", "x-ratelimit-remaining": "12"}, None),
        ({"retry-after": "99999999"}, 86_400),
        ({"retry-after": "Fri, 20 Nov 2020 12:30:21 GMT"}, 0),
        ({"retry-after": "garbage"}, None),
        ({}, None),
    ],
)
def test_the_first_hint_that_says_something_counts(headers: Mapping[str, str], seconds: float | None) -> None:
    assert wait_seconds(headers, STANDARD_WAITS, now=NOW) == seconds


@given(st.text(max_size=40), st.sampled_from(list(Unit)))
def test_no_text_breaks_a_hint(text: str, unit: Unit) -> None:
    found = wait_seconds({"x": text}, [WaitHeader("x", unit)], now=NOW)

    assert found is None or 0 <= found <= 86_400


@given(
    tries=st.integers(1, 50),
    asked=st.none() | st.floats(0, 100_000),
    remaining=st.floats(0, 1000),
    chance=st.floats(0, 0.999),
)
def test_no_pause_is_longer_than_there_is_time_for(
    tries: int, asked: float | None, remaining: float, chance: float
) -> None:
    policy = RetryPolicy(max_tries=5)
    error = errors.Unavailable("", retry_after_seconds=asked)

    pause = pause_before_next(
        policy, error, tries=tries, is_repeatable=True, remaining_seconds=remaining, random=lambda: chance
    )

    if pause is not None:
        assert tries < 5
        assert 0 <= pause < remaining
        assert asked is None or asked <= pause <= asked + 1


def test_pauses_grow_and_are_spread() -> None:
    policy = RetryPolicy(max_tries=20, first_pause_seconds=1, longest_pause_seconds=8)

    def longest(tries: int) -> float | None:
        return pause_before_next(
            policy, SICK, tries=tries, is_repeatable=True, remaining_seconds=100, random=lambda: 0.999
        )

    assert [round(longest(tries) or 0) for tries in (1, 2, 3, 4, 5)] == [1, 2, 4, 8, 8]
    assert pause_before_next(policy, SICK, tries=3, is_repeatable=True, remaining_seconds=9, random=lambda: 0) == 0
    assert pause_before_next(policy, SICK, tries=1, is_repeatable=False, remaining_seconds=9, random=lambda: 0) is None


def test_a_budget_lets_a_fifth_be_repeats_for_long() -> None:
    budget = RetryBudget()
    repeats = 0
    for _ in range(1000):
        budget.earn()
        repeats += budget.spend()

    assert 200 <= repeats <= 211


class Circuit:
    """A breaker with its clock."""

    def __init__(self, store: MemoryCircuits | None = None, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.breaker = Breaker("acme", store=store, failures_to_open=3, pause_seconds=10, clock=self.clock)

    def call(self, error: BaseException | None) -> None:
        self.breaker.ended(self.breaker.admit(), error)

    def open(self) -> None:
        for _ in range(3):
            self.call(SICK)
        assert self.breaker.state is BreakerState.OPEN


def test_a_circuit_opens_after_failures_in_a_row_only() -> None:
    circuit = Circuit()
    for error in (SICK, SICK, None, SICK, SICK):
        circuit.call(error)
    assert circuit.breaker.state is BreakerState.CLOSED

    circuit.call(SICK)

    assert circuit.breaker.state is BreakerState.OPEN
    with pytest.raises(errors.CircuitOpen) as caught:
        circuit.breaker.admit()
    assert caught.value.retry_after_seconds == pytest.approx(10)


def test_what_is_the_callers_fault_neither_counts_nor_resets() -> None:
    circuit = Circuit()
    for error in (SICK, SICK, THEIR_WORD, THEIR_WORD, ValueError("ours"), SICK):
        circuit.call(error)

    assert circuit.breaker.state is BreakerState.OPEN


@pytest.mark.parametrize(
    ("error", "state"),
    [(None, BreakerState.CLOSED), (THEIR_WORD, BreakerState.CLOSED), (SICK, BreakerState.OPEN)],
)
def test_one_call_looks_and_decides(error: IntegrationError | None, state: BreakerState) -> None:
    circuit = Circuit()
    circuit.open()
    circuit.clock.advance(10)
    permit = circuit.breaker.admit()
    assert permit.is_probe
    with pytest.raises(errors.CircuitOpen):
        circuit.breaker.admit()

    circuit.breaker.ended(permit, error)

    assert circuit.breaker.state is state


def test_a_probe_that_was_cancelled_or_never_heard_of_leaves_its_turn() -> None:
    circuit = Circuit()
    circuit.open()
    circuit.clock.advance(10)
    circuit.breaker.ended(circuit.breaker.admit(), KeyboardInterrupt())
    assert circuit.breaker.admit().is_probe
    with pytest.raises(errors.CircuitOpen):
        circuit.breaker.admit()
    circuit.clock.advance(61)

    assert circuit.breaker.admit().is_probe


def test_calls_under_way_when_it_opened_say_nothing_about_now() -> None:
    circuit = Circuit()
    under_way = circuit.breaker.admit()
    circuit.open()

    circuit.breaker.ended(under_way, None)

    assert circuit.breaker.state is BreakerState.OPEN


def test_a_clock_that_is_set_back_keeps_no_circuit_open() -> None:
    circuit = Circuit()
    circuit.open()

    circuit.clock.jump(-3600)

    assert circuit.breaker.admit().is_probe


def test_two_processes_share_a_circuit_and_send_one_probe() -> None:
    store, clock = MemoryCircuits(), FakeClock()
    one, two = Circuit(store, clock), Circuit(store, clock)
    one.open()
    assert two.breaker.state is BreakerState.OPEN
    clock.advance(10)
    admitted: list[bool] = []
    barrier = threading.Barrier(8)

    def probe(circuit: Circuit) -> None:
        barrier.wait()
        try:
            admitted.append(circuit.breaker.admit().is_probe)
        except errors.CircuitOpen:
            pass

    threads = [threading.Thread(target=probe, args=(circuit,)) for circuit in (one, two) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert admitted == [True]


@pytest.mark.parametrize("kind", ["memory", "shared"])
def test_a_window_lets_through_what_its_rate_says(kind: str) -> None:
    windows = MemoryWindows() if kind == "memory" else SharedWindows(MemoryStorage())
    limits = [RateLimit("acme", [Rate(3, 60), Rate(100, 1)], windows=windows) for _ in range(2)]

    assert [limit.wait_seconds() for limit in (*limits, limits[0])] == [0, 0, 0]
    assert 50 < limits[1].wait_seconds() <= 60
    assert RateLimit("other", [Rate(1, 60)], windows=windows).wait_seconds() == 0


def test_a_window_moves() -> None:
    clock = FakeClock()
    limit = RateLimit("acme", [Rate(2, 10)], clock=clock)
    waits = [limit.wait_seconds()]
    clock.advance(4)
    waits += [limit.wait_seconds(), limit.wait_seconds()]
    clock.advance(6)
    waits += [limit.wait_seconds(), limit.wait_seconds()]

    assert waits == pytest.approx([0, 0, 6, 0, 4])


def test_who_shares_it_stops_together_when_the_system_asks() -> None:
    not_before, clock = MemoryNotBefore(), FakeClock()
    one, two = (RateLimit("acme", [], not_before=not_before, clock=clock) for _ in range(2))

    one.hold(30)
    one.hold(10)

    assert two.wait_seconds() == pytest.approx(30)
    clock.advance(30)
    assert two.wait_seconds() == 0


def test_paths_are_filled_in_and_do_not_climb() -> None:
    base = BaseUrl.parse("https://API.example:443/v1/", allow_http=False)

    assert base.join("/a/{id}/b", {"id": "x/../y"}) == ("https://api.example/v1/a/x%2F..%2Fy/b", "/v1/a/{id}/b")
    assert base.join("a/12345/b", {}) == ("https://api.example/v1/a/12345/b", "/v1/a/{id}/b")
    assert base.join("https://api.example/other?x=1", {})[0] == "https://api.example/other?x=1"
    assert base.join("", {}) == ("https://api.example/v1", "/v1")
    for path, parameters in [("/a/../b", {}), ("/a/{id}", {"id": ".."}), ("/a/{id}", {}), ("/a", {"id": 1})]:
        with pytest.raises(ValueError, match=r"climb|cannot stand|needs|no place"):
            base.join(path, parameters)
    # As other readers see them: a host for `urlsplit`, a dot once it is decoded, a slash on some systems.
    for path in ("//../other", "/%2e%2e/other", "/a/.%2E", "..\\other", "/a\r\nX-Other: 1"):
        with pytest.raises(ValueError, match=r"climb|no URL has"):
            base.join(path, {})
    assert base.join("/a?at=../b", {})[0] == "https://api.example/v1/a?at=../b"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.evil/x",
        "http://api.example/x",
        "https://api.example:444/x",
        "https://api.example@evil/x",
        "https://me@api.example/x",
        "//evil/x",
        "https://[::1/x",
    ],
)
def test_links_elsewhere_are_not_followed(url: str) -> None:
    base = BaseUrl.parse("https://api.example/v1", allow_http=False)

    with pytest.raises(errors.ProtocolFault):
        base.same_origin(url)


def test_what_looks_like_an_id_is_not_logged() -> None:
    assert templated("/v67.0/sobjects/Contact/003xx000004TmiQAAS") == "/v67.0/sobjects/Contact/{id}"
    assert templated("/users/7/posts") == "/users/{id}/posts"
