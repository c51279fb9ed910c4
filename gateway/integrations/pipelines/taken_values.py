"""Which values of unique fields a reading has met, and in which entities: in a temporary file of SQLite's own, so that
a million of them take no memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from hashlib import blake2b
from typing import Final

_SCHEMA: Final = """
CREATE TABLE taken (field TEXT, value BLOB, id TEXT, PRIMARY KEY (field, value)) WITHOUT ROWID;
CREATE TABLE met (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class TakenValues:
    """The first entity that has a value keeps it. To be closed; for one thread at a time."""

    def __init__(self) -> None:
        # An empty name is a file without a name, which goes with the connection.
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._file.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_SCHEMA}")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def take(self, field: str, value: str, entity_id: str) -> str:
        """Who has the value: this entity, unless another one came first."""
        digest = blake2b(value.encode("utf-8", "replace"), digest_size=16).digest()
        self._file.execute("INSERT OR IGNORE INTO taken VALUES (?, ?, ?)", [field, digest, entity_id])
        asked = "SELECT id FROM taken WHERE field = ? AND value = ?"
        return str(self._file.execute(asked, [field, digest]).fetchone()[0])

    def meet(self, ids: Collection[str]) -> None:
        """These entities are read: what they had before is of no matter."""
        self._file.executemany("INSERT OR IGNORE INTO met VALUES (?)", [[one] for one in ids])

    def are_met(self, ids: Collection[str]) -> set[str]:
        """Those of them that are read."""
        marks = ",".join("?" * len(ids))
        found = self._file.execute(f"SELECT id FROM met WHERE id IN ({marks})", list(ids))  # noqa: S608 (question marks)
        return {row[0] for row in found}
