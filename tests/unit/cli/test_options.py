"""Durations, moments and pairs as they are written on a command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from gateway.cli.terminal.options import Pair, TimeOrAge, parse_duration, to_time

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90s", 90),
        ("90", 90),
        ("30m", 1800),
        ("24h", 86_400),
        ("1h30m", 5400),
        ("7d", 604_800),
        ("0.5s", 0.5),
    ],
)
def test_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "h", "-1h", "1y", "1h 30m", "soon", "1e9", "٣h", "9" * 30 + "w"])
def test_not_a_duration(text: str) -> None:
    assert parse_duration(text) is None


def test_a_moment_is_an_age_or_a_time() -> None:
    assert to_time(TimeOrAge().convert("1h", None, None), NOW) == NOW - timedelta(hours=1)
    assert to_time(TimeOrAge().convert("2026-04-30", None, None), NOW) == datetime(2026, 4, 30, tzinfo=UTC)
    assert to_time(TimeOrAge().convert("2026-04-30T12:00+02:00", None, None), NOW) == datetime(
        2026, 4, 30, 10, tzinfo=UTC
    )
    assert to_time(None, NOW) is None
    with pytest.raises(click.BadParameter, match="such as 1h"):
        TimeOrAge().convert("yesterday", None, None)


def test_a_pair_keeps_later_separators_and_never_quotes_its_value() -> None:
    assert Pair(":").convert("Authorization: Bearer a:b", None, None) == ("Authorization", "Bearer a:b")
    with pytest.raises(click.BadParameter) as refused:
        Pair("=").convert("hunter2", None, None)
    assert "hunter2" not in str(refused.value.message)
