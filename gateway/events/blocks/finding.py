"""Finding events by what blocks tell of them: ids, newest first, in a time that does not grow with the journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, String, and_, column, select, true, values

from gateway.clock import Clock
from gateway.db.scope import TenantSession
from gateway.events.blocks.bodies import STORED_BYTES, with_bodies
from gateway.events.blocks.stretches import Sought, Stretch, stretches
from gateway.events.blocks.words import words_in, words_of
from gateway.events.models import Event

BUDGET_SECONDS = 2.0
"""How long bodies are looked through for one page."""
LOOKED_AT = 256
"""Events whose bodies are looked through before the time is looked at."""


class Found(NamedTuple):
    """Ids, newest first. `reached_id` is not empty where time was over: what is older than it was not looked at."""

    ids: Sequence[str]
    reached_id: str = ""


def newest(
    session: TenantSession,
    sought: Sought,
    clauses: Sequence[ColumnElement[bool]],
    *,
    below_id: str,
    above_id: str,
    limit: int,
    clock: Clock,
) -> Found:
    """The newest `limit` events that are sought and fulfil `clauses` over `Event`, with ids between the two; an empty
    one is no bound.
    """
    bounds = [Event.tenant_id == session.tenant_id, Event.id > above_id]
    if below_id:
        bounds.append(Event.id < below_id)
    wanted = [*bounds, *clauses]
    found: list[str] = []
    give_up_at = clock.monotonic() + BUDGET_SECONDS
    for some in stretches(session, sought, below_id=below_id, above_id=above_id):
        if not sought.words:
            found += _ids(session, some, wanted, limit - len(found))
        else:
            for ids, reached_id in _with_words(session, some, wanted, sought.words):
                found += ids
                if len(found) >= limit:
                    break
                if clock.monotonic() > give_up_at:
                    return Found(found, reached_id)
        if len(found) >= limit:
            break
    return Found(found[:limit])


def _with_words(
    session: TenantSession, some: Sequence[Stretch], wanted: Sequence[ColumnElement[bool]], words: frozenset[bytes]
) -> Iterator[tuple[Sequence[str], str]]:
    """The events that have all of the words, of some events at a time, and down to which id that was."""
    for stretch in some:
        below_id = ""
        while True:
            statement = select(Event.id, Event.content_type, Event.dedupe_key, STORED_BYTES)
            statement = statement.where(*_within(stretch), *wanted)
            if below_id:
                statement = statement.where(Event.id < below_id)
            rows = session.execute(statement.order_by(Event.id.desc()).limit(LOOKED_AT)).all()
            if not rows:
                break
            connection = session.connection()
            ids = [row.id for row, body in with_bodies(connection, rows) if _has(words, row, body)]
            below_id = rows[-1].id
            yield ids, below_id
            if len(rows) < LOOKED_AT:
                break


def _has(words: frozenset[bytes], row: Any, body: bytes) -> bool:
    missing = words - words_of(row.content_type, body)
    return not missing or missing <= words_in(row.dedupe_key or "")


def _ids(
    session: TenantSession, some: Sequence[Stretch], wanted: Sequence[ColumnElement[bool]], limit: int
) -> Sequence[str]:
    # SQLite has no lateral joins, and a statement more costs it little.
    if len(some) == 1 or session.get_bind().dialect.name == "sqlite":
        found: list[str] = []
        for stretch in some:
            within = select(Event.id).where(*_within(stretch), *wanted).order_by(Event.id.desc())
            found += session.scalars(within.limit(limit - len(found))).all()
            if len(found) == limit:
                break
        return found
    columns = column("first_id", String), column("last_id", String)
    bounds = values(*columns, name="stretch").data(list(some)).cte("stretches")
    lies_in = and_(Event.id >= bounds.c.first_id, Event.id <= bounds.c.last_id)
    # Each stretch by itself and no further than needed: a join would have the planner guess how much lies in one.
    inner = select(Event.id).where(lies_in, *wanted).order_by(Event.id.desc()).limit(limit).lateral("found")
    outer = select(inner.c.id).select_from(bounds).join(inner, true())
    return session.scalars(outer.order_by(inner.c.id.desc()).limit(limit)).all()


def _within(stretch: Stretch) -> Sequence[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = [Event.id >= stretch.first_id]
    if stretch.last_id:
        clauses.append(Event.id <= stretch.last_id)
    return clauses
