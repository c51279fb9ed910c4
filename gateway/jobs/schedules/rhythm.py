"""When a schedule is due next: an interval, or a cron expression in a time zone. Pure.

Every instant that a schedule is given lies after the moment at which it is decided, so that instants that were missed
are one run, however many they are. Cron is Debian's (crontab(5)), as cronsim reads it: on the day on which clocks go
forward, what was to run in the hour that is left out runs when it is over; on the day on which they go back, what names
an hour runs once, and what runs every so often goes on running.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError


@dataclass(frozen=True, slots=True)
class Every:
    """Again every so many seconds, counted from the instant that was due."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Cron:
    """At the instants that `expression` (five fields) names on the clocks of `time_zone`."""

    expression: str
    time_zone: str


Rhythm: TypeAlias = Every | Cron


class NeverDue(Exception):
    """There is no such instant: the expression or the zone cannot be read here, or names no day that ever comes."""


@dataclass(frozen=True, slots=True)
class Jitter:
    """What is added to an instant, so that those of many schedules lie apart: up to `seconds`, as `random` (from 0 to
    1) has it.
    """

    seconds: int
    random: Callable[[], float]

    def after(self, at: datetime) -> datetime:
        """`at` or somewhat later."""
        return at + timedelta(seconds=self.seconds * self.random())


def first_instant(rhythm: Rhythm, jitter: Jitter, *, now: datetime) -> datetime:
    """When a new schedule is due first. An interval begins anywhere in itself: those made together do not run together.

    Raises `NeverDue`.
    """
    if isinstance(rhythm, Cron):
        return jitter.after(_next_of_cron(rhythm, now))
    return now + timedelta(seconds=rhythm.seconds * jitter.random())


def next_instant(rhythm: Rhythm, jitter: Jitter, *, planned: datetime, now: datetime) -> datetime:
    """The next one after `planned`, which is over at `now`; the first that lies after `now`. Raises `NeverDue`."""
    if isinstance(rhythm, Cron):
        return jitter.after(_next_of_cron(rhythm, now))
    interval = timedelta(seconds=rhythm.seconds)
    return jitter.after(planned + interval * max(1, (now - planned) // interval + 1))


def pulled_back(rhythm: Rhythm, jitter: Jitter, *, planned: datetime, decided: datetime, now: datetime) -> datetime:
    """`planned` as it would be, had it been decided now and not at `decided`, a time that has not come yet.

    Raises `NeverDue`.
    """
    if isinstance(rhythm, Cron):
        return jitter.after(_next_of_cron(rhythm, now))
    return planned - decided + now


def _next_of_cron(rhythm: Cron, after: datetime) -> datetime:
    try:
        zone = ZoneInfo(rhythm.time_zone)
        # Where an hour comes twice, cronsim answers with its first time, which may be over.
        for local in CronSim(rhythm.expression, after.astimezone(zone)):
            if (found := local.astimezone(UTC)) > after:
                return found
    except (CronSimError, ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise NeverDue(str(error)) from error
    raise NeverDue("it names no day that ever comes")
