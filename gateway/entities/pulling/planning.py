"""What a plan would have made so far, beside what is there: in a temporary file of SQLite's own, so that the plan of a
million entities takes no memory, and nothing in the gateway's database changes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from gateway.entities.content import COLUMNS
from gateway.entities.pulling.deciding import Step
from gateway.entities.pulling.judging import Taken
from gateway.entities.pulling.preparing import Prepared, Scope, Stored
from gateway.entities.store.known import Known

PULL = "pull"
_NEW = "new:"

_SCHEMA = """
CREATE TABLE planned (kind TEXT, integration_id TEXT, id TEXT, digest BLOB, version TEXT, is_edited INTEGER,
    deleted_by TEXT, merged_into TEXT, document TEXT, PRIMARY KEY (kind, integration_id)) WITHOUT ROWID;
CREATE INDEX by_id ON planned (id);
CREATE TABLE seen (resource TEXT, number INTEGER, digests BLOB, PRIMARY KEY (resource, number));
"""


class Overlay:
    """What a plan has come to. To be closed; for one thread."""

    def __init__(self) -> None:
        # An empty name is a file without a name, which goes with the connection.
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_SCHEMA}")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def known(self, kind: str, ids: Sequence[str]) -> dict[str, Known]:
        """Those of the external ids that the plan has touched."""
        columns = "integration_id, id, digest, version, is_edited, deleted_by, merged_into"
        statement = f"SELECT {columns} FROM planned WHERE kind = ? AND integration_id IN ({_marks(ids)})"  # noqa: S608
        return {row[0]: Known._make(row) for row in self._file.execute(statement, [kind, *ids])}

    def rows(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """What it would have made of entities, by their ids."""
        statement = f"SELECT id, document FROM planned WHERE id IN ({_marks(ids)})"  # noqa: S608 (question marks)
        return {row[0]: {"id": row[0], **json.loads(row[1])} for row in self._file.execute(statement, list(ids))}

    def keep(self, scope: Scope, prepared: Prepared) -> None:
        """Remember what a page would make."""
        kind = scope.kind
        rows = [_planned(kind, f"{_NEW}{kind}:{one.mapped.integration_id}", one) for one in prepared.created]
        for change in prepared.changes:
            if change.taken is not None:
                rows.append(_planned(kind, change.row["id"], change.taken))
            elif change.step is Step.DELETE:
                rows.append(_planned_deletion(kind, change.row, change.merged_into))
        statement = f"INSERT OR REPLACE INTO planned VALUES ({_marks(range(9))})"  # noqa: S608 (question marks)
        self._file.executemany(statement, rows)

    def see(self, resource: str, number: int, digests: bytes) -> None:
        """Remember what a page had."""
        self._file.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", [resource, number, digests])

    def seen(self, resource: str) -> Iterator[bytes]:
        """What each page had."""
        found = self._file.execute("SELECT digests FROM seen WHERE resource = ?", [resource])
        return (row[0] for row in found)

    def forget_seen(self, resource: str) -> None:
        """The resource is read from its beginning again."""
        self._file.execute("DELETE FROM seen WHERE resource = ?", [resource])


class Planned(Stored):
    """The view of a plan."""

    def __init__(self, session: Session, overlay: Overlay) -> None:
        super().__init__(session, lock=False)
        self._overlay = overlay

    def known(self, scope: Scope, ids: Sequence[str]) -> Mapping[str, Known]:
        return {**super().known(scope, ids), **self._overlay.known(scope.kind, ids)}

    def rows(self, ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        stored = super().rows([one for one in ids if not one.startswith(_NEW)])
        return {**stored, **{id_: {**stored.get(id_, {}), **row} for id_, row in self._overlay.rows(ids).items()}}

    def leaving(self, ids: Sequence[str]) -> Collection[str]:
        return super().leaving([one for one in ids if not one.startswith(_NEW)])


def _planned(kind: str, entity_id: str, taken: Taken) -> tuple[Any, ...]:
    mapped = taken.mapped
    document = {**{name: getattr(mapped, name) for name in COLUMNS}, "attributes": json.loads(taken.attributes)}
    text = json.dumps(document, default=str)
    return (kind, mapped.integration_id, entity_id, taken.digest, mapped.version, 0, None, None, text)


def _planned_deletion(kind: str, row: Mapping[str, Any], merged_into: str | None) -> tuple[Any, ...]:
    document = {name: row[name] for name in (*COLUMNS, "attributes")}
    known = (b"", row.get("external_version"), 0, PULL, merged_into)
    return (kind, row["integration_id"], row["id"], *known, json.dumps(document))


def _marks(values: Collection[Any]) -> str:
    return ",".join("?" * len(values))
