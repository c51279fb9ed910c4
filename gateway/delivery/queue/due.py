"""Looking at the queue: which destinations have work due, and what heads each ordering key. Reads only.

Every statement walks a partial index of unfinished deliveries, one probe per destination or key (a loose index scan):
its cost does not depend on how much is finished, nor on how much waits behind the first of each.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from gateway.db.drivers import sqlite_driver

# SQLite has few statistics to choose by: there the index is named, so that a plan can never fall back to a scan.
_INDEX_HINTS = {
    "/*due*/": "INDEXED BY ix_deliveries_due",
    "/*keyed*/": "INDEXED BY ix_deliveries_keyed",
    "/*leased*/": "INDEXED BY ix_deliveries_leased",
}

_DUE = """
WITH RECURSIVE seen (id) AS (
  SELECT (SELECT min(destination_id) FROM deliveries /*due*/ WHERE state = 'pending' AND ordering_key IS NULL)
  UNION ALL
  SELECT (SELECT min(destination_id) FROM deliveries /*due*/
          WHERE state = 'pending' AND ordering_key IS NULL AND destination_id > seen.id)
  FROM seen WHERE seen.id IS NOT NULL)
SELECT id, (SELECT min(next_attempt_at) FROM deliveries /*due*/
            WHERE state = 'pending' AND ordering_key IS NULL AND destination_id = seen.id)
FROM seen WHERE id IS NOT NULL
"""
_KEYED = """
WITH RECURSIVE seen (id) AS (
  SELECT (SELECT min(destination_id) FROM deliveries /*keyed*/
          WHERE state IN ('pending', 'leased') AND ordering_key IS NOT NULL)
  UNION ALL
  SELECT (SELECT min(destination_id) FROM deliveries /*keyed*/
          WHERE state IN ('pending', 'leased') AND ordering_key IS NOT NULL AND destination_id > seen.id)
  FROM seen WHERE seen.id IS NOT NULL)
SELECT id FROM seen WHERE id IS NOT NULL
"""
_HEADS = """
WITH RECURSIVE seen (key, n) AS (
  SELECT (SELECT min(ordering_key) FROM deliveries /*keyed*/
          WHERE state IN ('pending', 'leased') AND ordering_key IS NOT NULL
          AND destination_id = :destination AND ordering_key >= :after), 1
  UNION ALL
  SELECT (SELECT min(ordering_key) FROM deliveries /*keyed*/
          WHERE state IN ('pending', 'leased') AND ordering_key IS NOT NULL
          AND destination_id = :destination AND ordering_key > seen.key), seen.n + 1
  FROM seen WHERE seen.key IS NOT NULL AND seen.n < :most)
SELECT seen.key, head.id, head.next_attempt_at, head.state = 'leased' OR EXISTS (
  SELECT 1 FROM deliveries AS busy WHERE busy.state = 'leased' AND busy.ordering_key IS NOT NULL
  AND busy.destination_id = :destination AND busy.ordering_key = seen.key)
FROM seen JOIN deliveries AS head ON head.id = (
  SELECT id FROM deliveries /*keyed*/
  WHERE state IN ('pending', 'leased') AND ordering_key IS NOT NULL
  AND destination_id = :destination AND ordering_key = seen.key ORDER BY id LIMIT 1)
WHERE seen.key IS NOT NULL ORDER BY seen.key
"""
_LEASED = """
SELECT destination_id, count(*) FROM deliveries /*leased*/ WHERE state = 'leased' AND destination_id IN (/*ids*/)
GROUP BY destination_id
"""
_ANY_DUE = """
SELECT EXISTS (SELECT 1 FROM deliveries WHERE id IN (/*ids*/) AND state = 'pending' AND next_attempt_at <= :now_us)
"""
_POSTGRES = {statement: text(statement) for statement in (_DUE, _KEYED, _HEADS)}
for _statement in (_LEASED, _ANY_DUE):
    _POSTGRES[_statement] = text(_statement.replace("/*ids*/", "SELECT unnest(CAST(:ids AS text[]))"))


def _for_sqlite(statement: str) -> str:
    for mark, hint in _INDEX_HINTS.items():
        statement = statement.replace(mark, hint)
    return statement.replace("/*ids*/", "SELECT value FROM json_each(:ids)")


_SQLITE = {statement: _for_sqlite(statement) for statement in (_DUE, _KEYED, _HEADS, _LEASED, _ANY_DUE)}


def _rows(connection: Connection, statement: str, values: dict[str, Any] | None = None) -> list[Any]:
    if connection.dialect.name == "sqlite":
        return sqlite_driver(connection).execute(_SQLITE[statement], values or {}).fetchall()
    return list(connection.execute(_POSTGRES[statement], values or {}))


def oldest_pending(connection: Connection) -> dict[str, int]:
    """For each destination with pending deliveries without a key: when the first of them is due, in microseconds."""
    return {row[0]: row[1] for row in _rows(connection, _DUE)}


def keyed_destinations(connection: Connection) -> list[str]:
    """The destinations that have unfinished deliveries with an ordering key."""
    return [row[0] for row in _rows(connection, _KEYED)]


def leased_counts(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """How many deliveries of each of `ids` are leased, by whichever worker."""
    return {row[0]: row[1] for row in _rows(connection, _LEASED, {"ids": _array(connection, ids)})}


def is_any_due(connection: Connection, ids: Sequence[str], *, now_us: int) -> bool:
    """Whether one of the deliveries `ids` may be tried now. Each is looked up by itself."""
    return bool(_rows(connection, _ANY_DUE, {"ids": _array(connection, ids), "now_us": now_us})[0][0])


def _array(connection: Connection, ids: Sequence[str]) -> Any:
    return json.dumps(list(ids)) if connection.dialect.name == "sqlite" else list(ids)


class HeadScan:
    """Finds the deliveries that head their ordering key and are due, a bounded number of keys at a time.

    It goes on where it stopped, so that many keys that wait never hide those behind them. Not thread-safe.
    """

    def __init__(self, keys_per_scan: int = 500) -> None:
        self._most = keys_per_scan
        # When the next of those comes due that the last scan saw; its own instant when it did not see all.
        self.next_us: int | None = None
        self._position: dict[str, str] = {}

    def due_heads(self, connection: Connection, destination_id: str, *, wanted: int, now_us: int) -> list[str]:
        """Ids of at most `wanted` pending deliveries of the destination that may be claimed now."""
        start = self._position.get(destination_id, "")
        heads = self._scan(connection, destination_id, start)
        if start and len(heads) < self._most:
            # The end of the keys: what is left of the scan starts again at the first.
            heads += [head for head in self._scan(connection, destination_id, "") if head[0] < start]
        due = [head for head in heads if head[2] <= now_us and not head[3]][:wanted]
        self._remember(destination_id, heads, due[-1][0] if len(due) == wanted else None)
        later = (head[2] for head in heads if head[2] > now_us and not head[3])
        self.next_us = now_us if destination_id in self._position else min(later, default=None)
        return [head[1] for head in due]

    def _scan(self, connection: Connection, destination_id: str, after: str) -> list[Any]:
        return _rows(connection, _HEADS, {"destination": destination_id, "after": after, "most": self._most})

    def _remember(self, destination_id: str, heads: Sequence[Any], stopped_at: str | None) -> None:
        if stopped_at is None and len(heads) < self._most:
            self._position.pop(destination_id, None)
        else:
            self._position[destination_id] = stopped_at or heads[-1][0]
