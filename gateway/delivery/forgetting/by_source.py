"""Forgetting old events of sources with a retention of their own.

They lie among everybody's events, which are walked by id from where the last purge ended: a day's worth each night. An
event that stays, since a delivery is not finished, is come back to. Looking is done outside of the transactions that
remove, so that nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.clock import to_us
from gateway.db.database import Database
from gateway.delivery.models import SourcePurge
from gateway.delivery.retention import (
    BATCH_EVENTS,
    Cutoff,
    OwnRetention,
    Purged,
    count_judged,
    judge_old,
    purge_judged,
)
from gateway.events.models import Event
from gateway.security.identifiers import earliest_id
from gateway.tenants.usage import hold_mark

LOOKED_AT = 5_000
"""Events of all sources that are looked at for one of them in one statement."""

_TABLE: Table = SourcePurge.__table__  # type: ignore[assignment]


def purge_by_source(database: Database, cutoff: Cutoff) -> Iterator[Purged]:
    """Remove what is old by the retention of its source; one value per transaction."""
    for own in cutoff.own:
        has_left = False
        for ids, last_id in _stretches(database, own, _reached(database, own)):
            for start in range(0, len(ids), BATCH_EVENTS):
                purged = _purge(database, own, ids[start : start + BATCH_EVENTS])
                has_left = has_left or purged.kept > 0
                yield purged
            if not has_left:
                with database.write() as connection:
                    _reach(connection, own, last_id)


def count_by_source(database: Database, cutoff: Cutoff) -> Iterator[tuple[str, Purged]]:
    """What `purge_by_source` would remove, with the tenant's id."""
    for own in cutoff.own:
        for ids, _last_id in _stretches(database, own, _reached(database, own)):
            if ids:
                with database.system_session() as session:
                    found = count_judged(
                        session, judge_old(session, ids, _cutoff(own)), dict.fromkeys(ids, own.tenant_id)
                    )
                yield own.tenant_id, found.get(own.tenant_id, Purged())


def _cutoff(own: OwnRetention) -> Cutoff:
    """Dead letters stay no longer than the rest: past the retention all go."""
    return Cutoff(own.before, own.before, own.tenant_id)


def _stretches(database: Database, own: OwnRetention, after: str) -> Iterator[tuple[Sequence[str], str]]:
    """Old events of a source, a stretch of the journal at a time, each with the id that it ends with."""
    ceiling = earliest_id("evt", to_us(own.before))
    while after < ceiling:
        with database.system_session() as session:
            end = select(Event.id).where(Event.id > after, Event.id < ceiling).order_by(Event.id)
            last_id = session.scalar(end.offset(LOOKED_AT - 1).limit(1))
            within = (
                [Event.id > after, Event.id < ceiling] if last_id is None else [Event.id > after, Event.id <= last_id]
            )
            its_own = select(Event.id).where(*within, Event.source_id == own.source_id).order_by(Event.id)
            ids = session.scalars(its_own).all()
        after = last_id or ceiling
        yield ids, after


def _purge(database: Database, own: OwnRetention, ids: Sequence[str]) -> Purged:
    with database.system_session(write=True) as session:
        # First, always: who counts waits for nothing else.
        counted = hold_mark(session.connection())
        locked = select(Event.id).where(Event.id.in_(ids)).order_by(Event.id).with_for_update()
        judged = judge_old(session, session.scalars(locked).all(), _cutoff(own), locks=True)
        return purge_judged(session, judged, counted)


def _reached(database: Database, own: OwnRetention) -> str:
    with database.read() as connection:
        return connection.scalar(select(_TABLE.c.purged_to).where(_TABLE.c.source_id == own.source_id)) or ""


def _reach(connection: Connection, own: OwnRetention, last_id: str) -> None:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    insert = dialect.insert(_TABLE).values(source_id=own.source_id, tenant_id=own.tenant_id, purged_to=last_id)
    connection.execute(insert.on_conflict_do_update(index_elements=["source_id"], set_={"purged_to": last_id}))
