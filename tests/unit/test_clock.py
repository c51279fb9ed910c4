"""Clocks: the fake one moves only when told to, and microseconds convert without loss."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import FakeClock, SystemClock, from_us, to_us


def test_the_fake_clock_stands_still() -> None:
    clock = FakeClock()
    assert (clock.now_us(), clock.monotonic()) == (clock.now_us(), clock.monotonic())


def test_advancing_moves_both_clocks() -> None:
    clock = FakeClock(datetime(2026, 5, 1, tzinfo=UTC))
    steady = clock.monotonic()
    clock.advance(1.5)
    assert from_us(clock.now_us()) == datetime(2026, 5, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert clock.monotonic() == steady + 1.5


def test_a_jump_moves_the_wall_clock_alone() -> None:
    clock = FakeClock()
    steady, wall = clock.monotonic(), clock.now_us()
    clock.jump(-3600)
    assert clock.now_us() == wall - 3_600_000_000
    assert clock.monotonic() == steady


def test_the_system_clock_is_the_machines() -> None:
    clock = SystemClock()
    assert abs(clock.now_us() - to_us(datetime.now(UTC))) < 60_000_000
    assert clock.monotonic() <= clock.monotonic()


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_round_trip(at: datetime) -> None:
    assert from_us(to_us(at)) == at


def test_other_time_zones_are_the_same_instant() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert to_us(at.astimezone(timezone(timedelta(hours=5, minutes=30)))) == to_us(at)


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(TypeError):
        to_us(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test
