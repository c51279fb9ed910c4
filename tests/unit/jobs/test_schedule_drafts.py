"""What a schedule may be: every fault is told by its field, with what was likely meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.jobs.schedules.draft import (
    LONGEST_EXPRESSION,
    LONGEST_SECONDS,
    MOST_JITTER_SECONDS,
    SHORTEST_SECONDS,
    ScheduleDraft,
    faults,
)
from gateway.jobs.schedules.rhythm import Cron, Every, Jitter, first_instant

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
GOOD = ScheduleDraft("purge", "purge", Cron("0 3 * * *", "Europe/Berlin"), jitter_seconds=600)


def told(draft: ScheduleDraft) -> dict[str, str]:
    """The codes of the faults by their fields."""
    return {fault.field: fault.code for fault in faults(draft)}


def meant(draft: ScheduleDraft) -> list[object]:
    """What the hint of the only fault names."""
    (fault,) = faults(draft)
    return [] if fault.hint is None else list(fault.hint.parameters["names"])  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "rhythm",
    [
        Every(SHORTEST_SECONDS),
        Every(LONGEST_SECONDS),
        Cron("*/5 * * * *", "UTC"),
        Cron("0 9 * * MON-FRI", "America/New_York"),
        Cron("0 0 29 2 *", "Asia/Kathmandu"),
    ],
)
def test_good_ones_have_no_fault(rhythm: Every | Cron) -> None:
    assert faults(replace(GOOD, rhythm=rhythm, jitter_seconds=SHORTEST_SECONDS)) == []


@pytest.mark.parametrize("seconds", [SHORTEST_SECONDS - 1, 0, -60, LONGEST_SECONDS + 1])
def test_an_interval_too_short_or_too_long_is_told(seconds: int) -> None:
    assert told(replace(GOOD, rhythm=Every(seconds), jitter_seconds=0)) == {"every_seconds": "out_of_range"}


@pytest.mark.parametrize(
    ("rhythm", "most"), [(Every(60), 60), (Every(86_400 * 7), MOST_JITTER_SECONDS), (GOOD.rhythm, MOST_JITTER_SECONDS)]
)
def test_jitter_is_at_most_the_interval_and_some_hours(rhythm: Every | Cron, most: int) -> None:
    assert told(replace(GOOD, rhythm=rhythm, jitter_seconds=most)) == {}
    assert told(replace(GOOD, rhythm=rhythm, jitter_seconds=most + 1)) == {"jitter_seconds": "out_of_range"}
    assert told(replace(GOOD, rhythm=rhythm, jitter_seconds=-1)) == {"jitter_seconds": "out_of_range"}


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("60 * * * *", "has no good minute"),
        ("* 24 * * *", "has no good hour"),
        ("0 0 32 * *", "has no good day-of-month"),
        ("0 0 * 13 *", "has no good month"),
        ("0 0 * * MONDAY", "has no good day-of-week"),
        ("0 0 30 2 *", "has no good day-of-month"),
        ("0 3 * *", "must have five fields"),
        ("* * * * * *", "must have five fields"),
        ("", "must have five fields"),
        ("1," * LONGEST_EXPRESSION + "1 * * * *", "is longer than"),
        ("9" * 5000 + " * * * *", "is longer than"),
    ],
)
def test_a_bad_expression_is_told_with_the_part_that_is_bad(expression: str, says: str) -> None:
    (fault,) = faults(replace(GOOD, rhythm=Cron(expression, "UTC")))
    assert (fault.field, fault.code) == ("cron", "malformed")
    assert says in fault.message
    assert len(fault.message) < 2 * LONGEST_EXPRESSION


@pytest.mark.parametrize(("expression", "expected"), [("@daily", "0 0 * * *"), ("@Hourly", "0 * * * *")])
def test_names_that_other_crons_have_are_told_as_expressions(expression: str, expected: str) -> None:
    assert meant(replace(GOOD, rhythm=Cron(expression, "UTC"))) == [expected]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Europe/Berln", ["Europe/Berlin"]),
        ("europe/berlin", ["Europe/Berlin"]),
        ("berlin", ["Europe/Berlin"]),
        ("New York", ["America/New_York"]),
        ("", []),
        ("x" * 10_000, []),
        ("../../etc/passwd", []),
    ],
)
def test_a_zone_that_there_is_not_is_told_with_the_one_that_is_nearly_named(zone: str, expected: list[str]) -> None:
    draft = replace(GOOD, rhythm=Cron("0 3 * * *", zone))
    assert told(draft) == {"time_zone": "unknown"}
    assert meant(draft) == expected


@pytest.mark.parametrize("name", ["", "Purge", "a b", "-a", "a/", "x" * 101, "sch\n"])
def test_a_name_is_a_word(name: str) -> None:
    assert told(replace(GOOD, name=name)) == {"name": "malformed"}


def test_all_faults_are_told_at_once() -> None:
    draft = ScheduleDraft("No", "purge", Cron("bad", "Nowhere"), jitter_seconds=-1)
    assert set(told(draft)) == {"name", "cron", "time_zone", "jitter_seconds"}


FIELD = some.text("0123456789*/,-LW#?@MONJAN", min_size=1, max_size=8)


@given(some.lists(FIELD, min_size=5, max_size=5).map(" ".join) | some.text(max_size=20))
def test_what_is_taken_has_a_first_instant(expression: str) -> None:
    rhythm = Cron(expression, "Europe/Berlin")
    if not faults(replace(GOOD, rhythm=rhythm)):
        assert first_instant(rhythm, Jitter(0, lambda: 0.0), now=NOON) > NOON
