"""Leases as statements of a database."""

from __future__ import annotations

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from gateway.db.lease import (
    CLOCK_TOLERANCE_SECONDS,
    HAS_ENDED,
    IS_HELD,
    IS_OF_ANOTHER_TIME,
    LET_GO,
    PULL_BACK,
    TAKE,
    expires_at_us,
    limit_us,
    new_token,
)


class Rows:
    """A table with one row that may be leased."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        columns = "lease_token TEXT, lease_expires_at INTEGER, scheduled_at INTEGER, result TEXT"
        self._connection.execute(f"CREATE TABLE work ({columns})")
        self._connection.execute("INSERT INTO work DEFAULT VALUES")

    def take(self, token: str, *, now_us: int, seconds: float) -> bool:
        free = f"(lease_token IS NULL OR {HAS_ENDED})"
        return self._update(
            f"{TAKE}, lease_expires_at = :expires_at WHERE {free}",
            {"token": token, "now_us": now_us, "expires_at": expires_at_us(now_us, seconds)},
        )

    def finish(self, token: str, result: str) -> bool:
        held = IS_HELD.format(row="work", claim="mine")
        mine = "(SELECT :token AS lease_token) AS mine"
        return self._update(f"{LET_GO}, result = :result FROM {mine} WHERE {held}", {"token": token, "result": result})

    def pull_back(self, *, now_us: int) -> bool:
        column = "lease_expires_at"
        of_another_time = IS_OF_ANOTHER_TIME.format(column=column)
        values = {"now_us": now_us, "limit_us": limit_us(now_us)}
        return self._update(f"{PULL_BACK.format(column=column)} WHERE {of_another_time}", values)

    @property
    def result(self) -> str | None:
        found: str | None = self._connection.execute("SELECT result FROM work").fetchone()[0]
        return found

    def close(self) -> None:
        self._connection.close()

    def _update(self, rest: str, values: dict[str, object]) -> bool:
        return self._connection.execute(f"UPDATE work SET {rest}", values).rowcount == 1


def test_one_holds_it_and_who_came_too_late_changes_nothing() -> None:
    rows, first, second = Rows(), new_token(), new_token()
    assert rows.take(first, now_us=0, seconds=10)
    assert not rows.take(second, now_us=9_999_999, seconds=10)
    assert rows.take(second, now_us=10_000_000, seconds=10)
    assert not rows.finish(first, "stale")
    assert rows.finish(second, "fresh")
    assert not rows.finish(second, "twice")
    assert rows.result == "fresh"
    rows.close()


@given(back_seconds=st.integers(0, 10**7), held_seconds=st.integers(1, 3600))
def test_however_far_a_clock_is_set_back_a_lease_lasts_no_longer_than_it_was_meant_to(
    back_seconds: int, held_seconds: int
) -> None:
    rows, start_us = Rows(), 10**15
    assert rows.take(new_token(), now_us=start_us, seconds=held_seconds)
    now_us = start_us - back_seconds * 1_000_000
    assert rows.pull_back(now_us=now_us) == (back_seconds > CLOCK_TOLERANCE_SECONDS)
    assert not rows.pull_back(now_us=now_us)
    late_us = expires_at_us(now_us, held_seconds + CLOCK_TOLERANCE_SECONDS)
    assert not rows.take(new_token(), now_us=now_us, seconds=1), "its holder still has it"
    assert rows.take(new_token(), now_us=late_us, seconds=1), "and not for ever"
    rows.close()
