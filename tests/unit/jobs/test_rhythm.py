"""When a schedule is due next: intervals, cron in a time zone, days on which clocks change, clocks that jump."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.jobs.schedules.rhythm import (
    Cron,
    Every,
    Jitter,
    NeverDue,
    Rhythm,
    first_instant,
    next_instant,
    pulled_back,
)

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
NONE = Jitter(0, lambda: 0.5)
BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    """An instant as it is written on the clocks of its offset."""
    return datetime.fromisoformat(text).astimezone(UTC)


def after(rhythm: Rhythm, now: str, *, times: int = 1) -> list[str]:
    """The next instants, each as the clocks of the zone show it; every one is taken as soon as it is due."""
    zone = ZoneInfo(rhythm.time_zone) if isinstance(rhythm, Cron) else UTC
    found = [at(now)]
    for _ in range(times):
        found.append(next_instant(rhythm, NONE, planned=found[-1], now=found[-1]))
    return [one.astimezone(zone).isoformat() for one in found[1:]]


class TestIntervals:
    def test_the_next_one_counts_from_the_one_that_was_due_and_not_from_when_it_was_seen(self) -> None:
        seen = NOON + timedelta(seconds=7)
        assert next_instant(Every(60), NONE, planned=NOON, now=seen) == NOON + timedelta(seconds=60)

    def test_however_many_were_missed_one_is_next(self) -> None:
        back = NOON + timedelta(seconds=40 * 60 + 13)
        assert next_instant(Every(60), NONE, planned=NOON, now=back) == NOON + timedelta(seconds=41 * 60)

    def test_what_is_seen_just_when_the_next_one_is_due_is_that_one_too(self) -> None:
        seen = NOON + timedelta(seconds=60)
        assert next_instant(Every(60), NONE, planned=NOON, now=seen) == NOON + timedelta(seconds=120)

    @pytest.mark.parametrize(("random", "seconds"), [(0.0, 60), (0.5, 65), (1.0, 70)])
    def test_jitter_makes_it_later_by_what_the_random_source_says(self, random: float, seconds: int) -> None:
        jitter = Jitter(10, lambda: random)
        assert next_instant(Every(60), jitter, planned=NOON, now=NOON) == NOON + timedelta(seconds=seconds)

    def test_a_new_one_begins_anywhere_in_itself(self) -> None:
        found = [first_instant(Every(3600), Jitter(0, lambda share=share: share), now=NOON) for share in (0.0, 0.25, 1)]
        assert found == [NOON, NOON + timedelta(minutes=15), NOON + timedelta(hours=1)]

    @given(
        seconds=some.integers(10, 366 * 86_400),
        late_us=some.integers(0, 10**15),
        jitter_seconds=some.integers(0, 3600),
        share=some.floats(0, 1),
    )
    def test_the_next_one_is_never_over_and_never_further_than_one_interval(
        self, seconds: int, late_us: int, jitter_seconds: int, share: float
    ) -> None:
        now = NOON + timedelta(microseconds=late_us)
        found = next_instant(Every(seconds), Jitter(jitter_seconds, lambda: share), planned=NOON, now=now)
        assert now < found <= now + timedelta(seconds=seconds + jitter_seconds)


class TestCron:
    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("0 3 * * *", "2026-11-28T03:00:00+01:00"),
            ("*/15 * * * *", "2026-11-27T13:15:00+01:00"),
            ("30 13 * * *", "2026-11-27T13:30:00+01:00"),
            ("0 13 * * *", "2026-11-28T13:00:00+01:00"),
            ("0 0 1 * *", "2026-12-01T00:00:00+01:00"),
            ("0 0 L * *", "2026-11-30T00:00:00+01:00"),
            ("0 9 * * MON-FRI", "2026-11-30T09:00:00+01:00"),
            ("0 0 29 2 *", "2028-02-29T00:00:00+01:00"),
            ("0 0 13 * FRI", "2026-12-04T00:00:00+01:00"),
        ],
    )
    def test_it_is_read_on_the_clocks_of_its_zone(self, expression: str, expected: str) -> None:
        assert after(Cron(expression, BERLIN), "2026-11-27T13:00:00+01:00") == [expected]

    def test_however_many_were_missed_one_is_next(self) -> None:
        planned, now = at("2026-11-27T12:00:00+00:00"), at("2026-11-27T12:40:30+00:00")
        found = next_instant(Cron("* * * * *", "UTC"), NONE, planned=planned, now=now)
        assert found == at("2026-11-27T12:41:00+00:00")

    def test_jitter_makes_it_later(self) -> None:
        jitter = Jitter(600, lambda: 0.5)
        rhythm = Cron("0 3 * * *", "UTC")
        expected = at("2026-11-28T03:05:00+00:00")
        assert next_instant(rhythm, jitter, planned=NOON, now=NOON) == expected
        assert first_instant(rhythm, jitter, now=NOON) == expected

    def test_one_that_jitter_made_late_is_not_run_again_by_its_own_instant(self) -> None:
        late = at("2026-11-28T03:05:00+00:00")
        found = next_instant(Cron("0 3 * * *", "UTC"), NONE, planned=late, now=late)
        assert found == at("2026-11-29T03:00:00+00:00")

    @pytest.mark.parametrize(
        "rhythm", [Cron("0 0 30 2 *", "UTC"), Cron("bad", "UTC"), Cron("0 3 * * *", "Nowhere/Else"), Cron("", "../etc")]
    )
    def test_what_never_comes_is_said(self, rhythm: Cron) -> None:
        with pytest.raises(NeverDue):
            next_instant(rhythm, NONE, planned=NOON, now=NOON)

    @given(
        expression=some.sampled_from(
            ["* * * * *", "*/7 * * * *", "0 * * * *", "30 2 * * *", "15,45 1-3 * * *", "5 */2 * * SUN", "0 2 29 3 *"]
        ),
        zone=some.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
        minutes=some.integers(0, 6 * 366 * 1440),
    )
    def test_the_next_one_is_never_over(self, expression: str, zone: str, minutes: int) -> None:
        moment = at("2024-01-01T00:00:00+00:00") + timedelta(minutes=minutes)
        assert next_instant(Cron(expression, zone), NONE, planned=moment, now=moment) > moment


class TestClocksThatChange:
    """Europe: 29 March 2026, 02:00 becomes 03:00; 25 October 2026, 03:00 becomes 02:00."""

    def test_what_names_the_hour_that_is_left_out_runs_when_it_is_over(self) -> None:
        assert after(Cron("30 2 * * *", BERLIN), "2026-03-28T12:00:00+01:00", times=2) == [
            "2026-03-29T03:00:00+02:00",
            "2026-03-30T02:30:00+02:00",
        ]

    def test_several_instants_of_the_hour_that_is_left_out_are_one_run(self) -> None:
        assert after(Cron("0,20,40 2 * * *", BERLIN), "2026-03-29T01:59:00+01:00", times=2) == [
            "2026-03-29T03:00:00+02:00",
            "2026-03-30T02:00:00+02:00",
        ]

    def test_what_runs_every_so_often_leaves_out_the_hour_that_is_not_there(self) -> None:
        assert after(Cron("*/30 * * * *", BERLIN), "2026-03-29T01:10:00+01:00", times=3) == [
            "2026-03-29T01:30:00+01:00",
            "2026-03-29T03:00:00+02:00",
            "2026-03-29T03:30:00+02:00",
        ]

    def test_what_names_the_hour_that_comes_twice_runs_once(self) -> None:
        assert after(Cron("30 2 * * *", BERLIN), "2026-10-24T12:00:00+02:00", times=2) == [
            "2026-10-25T02:30:00+02:00",
            "2026-10-26T02:30:00+01:00",
        ]

    def test_the_second_time_that_an_hour_comes_nothing_is_due_that_is_over(self) -> None:
        assert after(Cron("30 2 * * *", BERLIN), "2026-10-25T02:10:00+01:00") == ["2026-10-26T02:30:00+01:00"]

    def test_what_runs_every_so_often_goes_on_through_the_hour_that_comes_twice(self) -> None:
        assert after(Cron("*/30 * * * *", BERLIN), "2026-10-25T02:10:00+02:00", times=4) == [
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:00:00+01:00",
            "2026-10-25T02:30:00+01:00",
            "2026-10-25T03:00:00+01:00",
        ]

    def test_an_interval_knows_no_zone(self) -> None:
        found = next_instant(Every(86_400), NONE, planned=at("2026-03-28T12:00:00+01:00"), now=at("2026-03-28T13:00Z"))
        assert found == at("2026-03-29T13:00:00+02:00")


class TestClocksThatJump:
    def test_forward_is_like_missing_what_lay_between(self) -> None:
        a_year_on = NOON + timedelta(days=365, seconds=1)
        assert next_instant(Every(60), NONE, planned=NOON, now=a_year_on) == NOON + timedelta(days=365, seconds=60)

    def test_an_interval_decided_in_the_future_comes_back_as_far_as_the_clock_did(self) -> None:
        decided = NOON + timedelta(days=365)
        planned = decided + timedelta(minutes=7)
        found = pulled_back(Every(900), NONE, planned=planned, decided=decided, now=NOON)
        assert found == NOON + timedelta(minutes=7)

    def test_cron_decided_in_the_future_is_read_anew(self) -> None:
        decided = NOON + timedelta(days=365)
        planned = decided + timedelta(hours=15)
        found = pulled_back(Cron("0 3 * * *", "UTC"), NONE, planned=planned, decided=decided, now=NOON)
        assert found == at("2026-11-28T03:00:00+00:00")
