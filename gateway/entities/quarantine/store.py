"""Records in quarantine, by the batch: put there, known again when they come again, and let go when they are sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, bindparam, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.entities.models import IS_OPEN, QuarantinedRecord
from gateway.entities.states import QuarantineState
from gateway.security.identifiers import new_id

QUARANTINE: Table = QuarantinedRecord.__table__  # type: ignore[assignment]
MOST_OPEN = 10_000
"""Of a resource: so many are looked for among the records that come; the others wait for a person."""


class Unsound(NamedTuple):
    """A record that cannot be taken in. `key` tells it from the resource's others; `reasons` are JSON."""

    key: bytes
    integration_id: str | None
    raw: str
    reasons: Sequence[Mapping[str, Any]]


class Place(NamedTuple):
    """Where records come from, in which run."""

    tenant_id: str
    instance_id: str
    resource: str
    run_id: str


def unwanted(connection: Connection, place: Place, records: Sequence[Unsound]) -> frozenset[bytes]:
    """The keys of those that a person does not want, as they are."""
    if not records:
        return frozenset()
    statement = select(QUARANTINE.c.record_key, QUARANTINE.c.raw).where(
        QUARANTINE.c.instance_id == place.instance_id,
        QUARANTINE.c.resource == place.resource,
        QUARANTINE.c.record_key.in_([one.key for one in records]),
        QUARANTINE.c.state == QuarantineState.DISCARDED,
    )
    known = {bytes(key): raw for key, raw in connection.execute(statement)}
    return frozenset(one.key for one in records if known.get(one.key) == one.raw)


def put_aside(connection: Connection, place: Place, records: Iterable[Unsound], *, at: datetime) -> None:
    """Keep records with what is wrong with them. One that is there already is open again, as it is now."""
    rows = {one.key: one for one in records}
    if not rows:
        return
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    made = dialect.insert(QUARANTINE)
    new = made.excluded
    again = {name: new[name] for name in ("integration_id", "state", "reasons", "raw", "run_id", "last_at")}
    statement = made.on_conflict_do_update(
        index_elements=["instance_id", "resource", "record_key"], set_={**again, "times": QUARANTINE.c.times + 1}
    )
    same = {**place._asdict(), "state": QuarantineState.OPEN, "times": 1, "first_at": at, "last_at": at}
    connection.execute(statement, [{**same, "id": new_id("qtn"), **_columns(one)} for one in rows.values()])


def open_keys(connection: Connection, instance_id: str, resource: str) -> set[bytes]:
    """The keys of a resource's records that wait."""
    statement = select(QUARANTINE.c.record_key).where(
        QUARANTINE.c.instance_id == instance_id, QUARANTINE.c.resource == resource, text(IS_OPEN)
    )
    return {bytes(key) for key in connection.execute(statement.limit(MOST_OPEN)).scalars()}


def mark_repaired(connection: Connection, place: Place, keys: Iterable[bytes], *, at: datetime) -> None:
    """They came sound, and were taken in."""
    rows = [{"of_key": key} for key in keys]
    if rows:
        statement = update(QUARANTINE).where(
            QUARANTINE.c.instance_id == place.instance_id,
            QUARANTINE.c.resource == place.resource,
            QUARANTINE.c.record_key == bindparam("of_key"),
            text(IS_OPEN),
        )
        values = {"state": QuarantineState.REPAIRED, "last_at": at, "run_id": place.run_id}
        connection.execute(statement.values(values), rows)


def _columns(record: Unsound) -> dict[str, Any]:
    return {
        "record_key": record.key,
        "integration_id": record.integration_id,
        "raw": record.raw,
        "reasons": [dict(one) for one in record.reasons],
    }
