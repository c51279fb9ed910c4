"""When a silence is none that is usual, shown on made-up sources of many shapes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import pytest

from gateway.webhooks.rhythm.learning import HOUR_US, HourCount, Rhythm, counted, expected, silent_from

WEEK = 168
STEP_US = HOUR_US // 4


def arrivals(rate: Callable[[int], float], weeks: int, seed: int, burst: float = 1.0) -> list[int]:
    """Instants at which events come: those of a Poisson process by the hour, or bursts of `burst` on average."""
    source, found = random.Random(seed), []
    for hour in range(weeks * WEEK):
        at, mean = hour * HOUR_US, rate(hour) / burst
        while mean > 0:
            at += int(source.expovariate(mean) * HOUR_US)
            if at >= (hour + 1) * HOUR_US:
                break
            size = 1 if burst == 1.0 else 1 + int(source.expovariate(1 / burst))
            found += [at + one * 100_000 for one in range(size)]
    return sorted(found)


def steps(events: Sequence[int], until_us: int) -> Iterator[tuple[int, dict[int, HourCount]]]:
    """What a look finds each quarter of an hour, and when."""
    place = 0
    for now in range(events[0] + STEP_US, until_us, STEP_US):
        hours: dict[int, HourCount] = {}
        while place < len(events) and events[place] < now:
            at, place = events[place], place + 1
            count, first, _ = hours.get(at // HOUR_US, HourCount(0, at, at))
            hours[at // HOUR_US] = HourCount(count + 1, first, at)
        yield now, hours


def told(events: Sequence[int], until_us: int) -> list[int]:
    """When somebody would be told of a silence."""
    rhythm, is_silent, found = Rhythm.beginning(events[0]), False, []
    for now, hours in steps(events, until_us):
        if hours:
            rhythm, is_silent = counted(rhythm, hours, is_usual=not is_silent), False
            continue
        due = silent_from(rhythm)
        if due is not None and now >= due and not is_silent:
            is_silent = True
            found.append(now)
    return found


def office(hour: int) -> float:
    return 30.0 if 8 <= hour % 24 < 18 and hour // 24 % 7 < 5 else 0.05


SHAPES: list[tuple[str, Callable[[int], float], float, float]] = [
    # name, events an hour, size of bursts, hours within which a silence in working hours is told
    ("steady", lambda _: 20.0, 1.0, 3),
    ("office", office, 1.0, 16),
    ("bursts", lambda _: 30.0, 20.0, 40),
    ("nightly", lambda hour: 300.0 if hour % 24 == 2 else 0.0, 1.0, 26),
]


@pytest.mark.parametrize(("name", "rate", "burst", "within"), SHAPES, ids=[shape[0] for shape in SHAPES])
def test_silences_are_told_and_nothing_else(
    name: str, rate: Callable[[int], float], burst: float, within: float
) -> None:
    events = arrivals(rate, 6, seed=7, burst=burst)
    # Until the middle of a Wednesday all is well, then nothing comes.
    ends = (5 * WEEK + 2 * 24 + 12) * HOUR_US
    events = [at for at in events if at < ends]
    found = told(events, ends + 3 * 24 * HOUR_US)
    assert len(found) == 1
    assert ends < found[0] < ends + within * HOUR_US


def test_nothing_is_told_before_the_usual_is_known() -> None:
    events = [at for at in arrivals(lambda _: 50.0, 2, seed=1) if at < 13 * 24 * HOUR_US]
    assert told(events, 20 * 24 * HOUR_US) == []


def test_a_rare_source_is_not_silent_for_days() -> None:
    events = arrivals(lambda _: 3 / 24, 5, seed=3)
    assert told(events, events[-1] + 4 * 24 * HOUR_US) == []


def test_one_outage_does_not_make_the_next_one_usual() -> None:
    events = arrivals(lambda _: 20.0, 8, seed=5)
    outages = [(4 * WEEK * HOUR_US, 4 * WEEK * HOUR_US + day * 24 * HOUR_US) for day in (1,)]
    outages.append((5 * WEEK * HOUR_US, 5 * WEEK * HOUR_US + 24 * HOUR_US))
    events = [at for at in events if not any(start <= at < end for start, end in outages)]
    assert len(told(events, events[-1])) == 2


def test_what_comes_in_quiet_hours_is_expected_to_be_little() -> None:
    rhythm = Rhythm.beginning(0)
    hours = {}
    for at in arrivals(office, 3, seed=2):
        count, first, _ = hours.get(at // HOUR_US, HourCount(0, at, at))
        hours[at // HOUR_US] = HourCount(count + 1, first, at)
    rhythm = counted(rhythm, hours)
    saturday, monday = (3 * WEEK + 5 * 24) * HOUR_US, 4 * WEEK * HOUR_US
    assert expected(rhythm, saturday, monday) < 20
    assert expected(rhythm, monday + 8 * HOUR_US, monday + 10 * HOUR_US) > 30


def test_an_hour_that_is_learned_is_not_counted_again() -> None:
    rhythm = counted(Rhythm.beginning(0), {5: HourCount(9, 5 * HOUR_US, 5 * HOUR_US + 1)})
    late = counted(rhythm, {3: HourCount(100, 3 * HOUR_US, 3 * HOUR_US)})
    assert (late.rates, late.hour, late.count) == (rhythm.rates, 5, 9)
