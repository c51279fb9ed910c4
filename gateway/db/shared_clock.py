"""The time on which the workers of all machines agree: PostgreSQL's.

Leases and due instants are compared by whoever looks, and machines' clocks differ: a worker whose clock is ahead would
take what others still hold. So a worker goes by the database's time, asked for now and then and carried on by its own
steady clock; to set the machine's clock changes nothing then. SQLite is on the machine itself.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from gateway.clock import MICROSECONDS, Clock, from_us
from gateway.db.database import Database

# What two steady clocks drift apart meanwhile is far less than an answer takes.
EVERY_SECONDS = 10.0
# What took longer does not tell when the database looked at its clock.
LONGEST_SECONDS = 0.5

_NOW = text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)")


def shared_now(clock: Clock, database: Database) -> datetime:
    """The time at this moment, for who asks once. Raises `StorageUnavailable`."""
    shared = SharedClock(clock, database)
    shared.step()
    return from_us(shared.now_us())


class SharedClock:
    """A `Clock`. Until `step` has asked for the first time it is the machine's. Safe to share."""

    def __init__(self, clock: Clock, database: Database) -> None:
        self._clock = clock
        self._database = database
        # The time at a moment of the steady clock.
        self._known: tuple[int, float] | None = None

    def now_us(self) -> int:
        """As `Clock`: the database's time as far as it is known."""
        if self._known is None:
            return self._clock.now_us()
        at_us, moment = self._known
        return at_us + round((self._clock.monotonic() - moment) * MICROSECONDS)

    def monotonic(self) -> float:
        """As `Clock`: the machine's."""
        return self._clock.monotonic()

    def step(self) -> bool:
        """Ask once; False, as there is nothing more to do until later. Raises `StorageUnavailable`."""
        if not self._database.is_sqlite:
            with self._database.read() as connection:
                asked = self._clock.monotonic()
                now_us = int(connection.execute(_NOW).scalar_one())
                answered = self._clock.monotonic()
            if self._known is None or answered - asked <= LONGEST_SECONDS:
                self._known = (now_us, (asked + answered) / 2)
        return False
