"""What is in a gateway's tables, read from outside of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from gateway.db.database import Database
from gateway.errors import StorageUnavailable
from tests.services.waiting import DEADLINE_SECONDS, until


class Tables:
    """Reads one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self, query: str) -> list[Any]:
        """The rows of `query`."""
        with self._database.read() as connection:
            return list(connection.execute(text(query)))

    def events(self) -> dict[str, list[str]]:
        """The ids of the events of each dedupe key; events of our own are left out."""
        found: dict[str, list[str]] = {}
        for key, id_ in self.rows("SELECT dedupe_key, id FROM events WHERE source <> 'gateway'"):
            found.setdefault(key, []).append(id_)
        return found

    def count(self, table: str) -> int:
        """The number of rows of `table`."""
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])

    def states(self) -> dict[str, int]:
        """How many deliveries are in each state."""
        return dict(map(tuple, self.rows("SELECT state, count(*) FROM deliveries GROUP BY state")))

    def outcomes(self) -> dict[str, int]:
        """How many attempts had each outcome."""
        return dict(map(tuple, self.rows("SELECT outcome, count(*) FROM attempts GROUP BY outcome")))

    def wait_until_all_are(self, state: str, *, timeout_seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until every delivery is in `state`."""

        def are_all() -> bool:
            try:
                return set(self.states()) == {state}
            except StorageUnavailable:
                return False

        until(are_all, lambda: f"all {state}: {self.states()}", timeout_seconds=timeout_seconds, every_seconds=0.2)


@contextmanager
def tables_of(database_url: str) -> Iterator[Tables]:
    """The tables of a database, inside the block."""
    database = Database.open(database_url)
    try:
        yield Tables(database)
    finally:
        database.close()
