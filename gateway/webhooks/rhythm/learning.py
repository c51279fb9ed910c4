"""How often events come to a source, hour by hour of the week, and when its silence is none that is usual. Pure.

Learned is a rate for each of the 168 hours of a week (UTC). A silence is measured by how many events should have come
in it, which makes nights and weekends as short as they are usual. What comes in bursts has long silences by that
measure, so the longest of the last weeks is kept, and a silence has to be twice as long as that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

HOUR_US: Final = 3_600 * 1_000_000
WEEK_HOURS: Final = 168
# What is older than a few weeks is forgotten: usage grows, and seasons change.
WEIGHT: Final = 0.3
EXPECTED: Final = 20.0
"""So many events should have come at least: of 1 000 000 silences of a source whose events know nothing of each other
none is as long."""
TIMES_LONGEST: Final = 2.0
SHORTEST_US: Final = 15 * 60 * 1_000_000
LEARNED_HOURS: Final = 2 * WEEK_HOURS
"""Before anything is unusual: a week for the rates, and one for the silences that there are by them."""
MOST_LEARNED: Final = 1.5
"""A silence that was unusual is learned as so many times the bound that it broke at most: one outage hides no other for
long, and a source that often falls silent is told of a few times."""
KEPT_WEEKS: Final = 5
FURTHEST_HOURS: Final = 8 * WEEK_HOURS


class HourCount(NamedTuple):
    """What came in one hour: how many, and when the first and the last did (microseconds since the epoch)."""

    events: int
    first_us: int
    last_us: int


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What is known of a source. `rates` are events an hour by hour of the week, `seen_hours` how many hours were
    looked at. `hour` is the one that is still counted, by its number since the epoch, `count` what came in it.
    `longest` are the longest silences by week, the newest last: `(week, expected)`.
    """

    rates: Sequence[float]
    seen_hours: int
    hour: int
    count: int
    last_us: int
    longest: Sequence[tuple[int, float]] = ()

    @classmethod
    def beginning(cls, at_us: int) -> Rhythm:
        """Nothing is known yet."""
        return cls((0.0,) * WEEK_HOURS, 0, at_us // HOUR_US, 0, at_us)


def counted(rhythm: Rhythm, hours: Mapping[int, HourCount], *, is_usual: bool = True) -> Rhythm:
    """`rhythm` with what came in `hours`, by their numbers. `is_usual` False: the silence that ends with it was none
    that is usual; that nothing came then is not learned.
    """
    for number in sorted(hours):
        found = hours[number]
        if number < rhythm.hour:
            # A clock was behind; that hour is learned already.
            rhythm = replace(rhythm, last_us=max(rhythm.last_us, found.last_us))
            continue
        rhythm = _with_silence(rhythm, found.first_us)
        rhythm = _turned(rhythm, number, learns_quiet=is_usual)
        is_usual = True
        rhythm = replace(rhythm, count=rhythm.count + found.events, last_us=max(rhythm.last_us, found.last_us))
    return rhythm


def expected(rhythm: Rhythm, start_us: int, end_us: int) -> float:
    """How many events usually come between the two."""
    total, at = 0.0, start_us
    while at < end_us and (at - start_us) // HOUR_US <= FURTHEST_HOURS:
        hour = at // HOUR_US
        until = min(end_us, (hour + 1) * HOUR_US)
        total += rhythm.rates[hour % WEEK_HOURS] * (until - at) / HOUR_US
        at = until
    return total


def silent_from(rhythm: Rhythm) -> int | None:
    """When its silence will be unusual if nothing comes; None for a source that is too rare, or not known for long
    enough.
    """
    if rhythm.seen_hours < LEARNED_HOURS:
        return None
    missing, at = _bound(rhythm), rhythm.last_us
    for _ in range(FURTHEST_HOURS):
        hour = at // HOUR_US
        until = (hour + 1) * HOUR_US
        rate = rhythm.rates[hour % WEEK_HOURS]
        here = rate * (until - at) / HOUR_US
        if here >= missing:
            return max(at + round(missing / rate * HOUR_US), rhythm.last_us + SHORTEST_US)
        missing, at = missing - here, until
    return None


def per_week(rhythm: Rhythm) -> float:
    """How many events usually come in a week."""
    return sum(rhythm.rates)


def _bound(rhythm: Rhythm) -> float:
    return max(EXPECTED, TIMES_LONGEST * max((amount for _, amount in rhythm.longest), default=0.0))


def _with_silence(rhythm: Rhythm, first_us: int) -> Rhythm:
    if rhythm.seen_hours < WEEK_HOURS:
        return rhythm
    length = min(expected(rhythm, rhythm.last_us, first_us), MOST_LEARNED * _bound(rhythm))
    week = first_us // HOUR_US // WEEK_HOURS
    kept = [(number, amount) for number, amount in rhythm.longest if number > week - KEPT_WEEKS]
    if kept and kept[-1][0] == week:
        kept[-1] = (week, max(kept[-1][1], length))
    else:
        kept.append((week, length))
    return replace(rhythm, longest=tuple(kept))


def _turned(rhythm: Rhythm, hour: int, *, learns_quiet: bool) -> Rhythm:
    """`rhythm` in a later hour: the one that was counted is learned, and so are those in which nothing came."""
    if hour <= rhythm.hour:
        return rhythm
    rates, seen, count = list(rhythm.rates), rhythm.seen_hours, rhythm.count
    last = hour if learns_quiet else rhythm.hour + 1
    for number in range(rhythm.hour, min(last, rhythm.hour + FURTHEST_HOURS)):
        place = number % WEEK_HOURS
        rates[place] = float(count) if seen < WEEK_HOURS else rates[place] + WEIGHT * (count - rates[place])
        seen, count = seen + 1, 0
    return replace(rhythm, rates=tuple(rates), seen_hours=seen, hour=hour, count=0)
