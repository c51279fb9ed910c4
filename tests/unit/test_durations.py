"""Durations are written as they are read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.durations import duration, parse_duration


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0"), (10, "10s"), (90, "1m30s"), (900, "15m"), (86_400, "1d"), (694_861, "1w1d1h1m1s")]
)
def test_whole_seconds_in_units_as_large_as_can_be(seconds: int, text: str) -> None:
    assert duration(seconds) == text


@given(some.integers(0, 10**9))
def test_what_is_written_is_read(seconds: int) -> None:
    assert parse_duration(duration(seconds)) == timedelta(seconds=seconds)
