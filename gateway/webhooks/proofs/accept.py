"""Accepting proofs, each once: many in one statement, inside the transaction that stores the events.

The primary key is the rule; there is no reading before writing. Accepting the same row again (same event) is harmless,
so that a writer may repeat a transaction whose outcome it does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection

from gateway.db.drivers import SQLITE_ROWS, postgres_arrays, postgres_driver, sqlite_driver
from gateway.webhooks.proofs.models import AcceptedProof


class ProofRow(NamedTuple):
    """A proof about to be accepted; columns as in `AcceptedProof`, `expires_at` in microseconds."""

    digest: bytes
    events_digest: bytes
    event_id: str
    expires_at: int


_COLUMNS = ", ".join(ProofRow._fields)
_TABLE = AcceptedProof.__tablename__
_FIND = f"SELECT {_COLUMNS} FROM {_TABLE} WHERE digest"  # noqa: S608 (constants)
POSTGRES_ACCEPT = (
    f"INSERT INTO {_TABLE} ({_COLUMNS}) "  # noqa: S608 (constants)
    "SELECT * FROM unnest(%b::bytea[], %b::bytea[], %s::text[], %s::bigint[]) ON CONFLICT DO NOTHING RETURNING event_id"
)
"""Takes `postgres_arrays` of the rows `in_order`; returns the `event_id`s of those that were not accepted before."""


def in_order(rows: Sequence[ProofRow]) -> list[ProofRow]:
    """`rows` as PostgreSQL is to take them, so that transactions with equal proofs wait for each other in one order."""
    return sorted(rows, key=attrgetter("digest"))


def accept_proofs(connection: Connection, rows: Sequence[ProofRow]) -> dict[str, ProofRow]:
    """Accept `rows` that were not accepted before; for the others the stored proof, by the row's own `event_id`.

    Of equal ones within `rows` the first is accepted.
    """
    if not rows:
        return {}
    if connection.dialect.name == "postgresql":
        columns = postgres_arrays(in_order(rows), ProofRow)
        admitted = {found[0] for found in postgres_driver(connection).execute(POSTGRES_ACCEPT, columns)}
        return accepted_before(connection, [row for row in rows if row.event_id not in admitted])
    driver = sqlite_driver(connection)
    before: dict[str, ProofRow] = {}
    for start in range(0, len(rows), SQLITE_ROWS):
        part = rows[start : start + SQLITE_ROWS]
        if driver.execute(_sqlite_insert(len(part)), list(chain.from_iterable(part))).rowcount != len(part):
            before |= accepted_before(connection, part)
    return before


def accepted_before(connection: Connection, rows: Sequence[ProofRow]) -> dict[str, ProofRow]:
    """The stored proof for each of `rows` that stands there for another submission, by the row's own `event_id`.

    One that stands there for its own was accepted by an earlier try of the same transaction.
    """
    if not rows:
        return {}
    digests = list({row.digest for row in rows})
    found: Iterable[Iterable[Any]]
    if connection.dialect.name == "sqlite":
        marks = ",".join("?" * len(digests))
        found = sqlite_driver(connection).execute(f"{_FIND} IN ({marks})", digests)
    else:
        found = postgres_driver(connection).execute(f"{_FIND} = ANY(%b::bytea[])", [digests])
    stored = {row.digest: row for row in map(ProofRow._make, found)}
    return {
        row.event_id: first
        for row in rows
        if (first := stored.get(row.digest)) is not None and first.event_id != row.event_id
    }


@cache
def _sqlite_insert(rows: int) -> str:
    values = ",".join(["(?,?,?,?)"] * rows)
    return f"INSERT INTO {_TABLE} ({_COLUMNS}) VALUES {values} ON CONFLICT DO NOTHING"  # noqa: S608 (constants)
