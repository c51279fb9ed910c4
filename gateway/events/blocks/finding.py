"""Finding events by what blocks tell of them: ids, newest first, in a time that does not grow with the journal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, String, and_, bindparam, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from gateway.clock import Clock
from gateway.db.scope import TenantSession
from gateway.events.blocks.bodies import STORED_BYTES, with_bodies
from gateway.events.blocks.contents import COLUMNS, Contents
from gateway.events.blocks.stretches import NO_END, BlockWalk, FewWalk, Sought, Stretch, Walk
from gateway.events.models import Event

BUDGET_SECONDS = 0.8
"""How long bodies are looked through for one page."""
FIRST = 4
"""Blocks that are asked for at first, since they are often enough."""
LOOKED_INTO = 4_096
"""And events that the database looks into itself."""
LOOKED_AT = 256
"""Events whose bodies are looked through before the time is looked at."""


NOTHING = Contents()


class Found(NamedTuple):
    """Ids, newest first. `reached_id` is not empty where time was over: what is older than it was not looked at."""

    ids: Sequence[str]
    reached_id: str = ""


def newest(
    session: TenantSession,
    sought: Sought,
    clauses: Sequence[ColumnElement[bool]],
    *,
    contents: Contents = NOTHING,
    among: Select[str] | None = None,
    below_id: str,
    above_id: str,
    limit: int,
    clock: Clock,
) -> Found:
    """The newest `limit` events that are sought and fulfil `clauses` over `Event`, with ids between the two; an empty
    one is no bound. `contents` is looked for inside of them, for a while. `among` selects the ids that alone may be
    found, where they are few; blocks are not asked then, unless words are looked for.
    """
    bounds = [Event.tenant_id == session.tenant_id, Event.id > above_id]
    if below_id:
        bounds.append(Event.id < below_id)
    wanted = [*bounds, *clauses]
    found: list[str] = []
    give_up_at = clock.monotonic() + BUDGET_SECONDS
    walk: Walk
    if among is None or sought.words:
        walk = BlockWalk(session, sought, below_id=below_id, above_id=above_id)
    else:
        walk = FewWalk(session, among, below_id=below_id, above_id=above_id)
    many, looked_at = FIRST if among is None else limit, 0
    while len(found) < limit and not walk.is_over:
        some = walk.step(many)
        if not contents:
            found += _ids(session, some, wanted, limit - len(found))
        else:
            for ids, reached_id in _looked_into(session, some, wanted, contents):
                found += ids
                if len(found) >= limit:
                    break
                if clock.monotonic() > give_up_at:
                    return Found(found, reached_id)
        looked_at += many
        many = min(_enough(limit - len(found), len(found), looked_at), walk.most)
    return Found(found[:limit])


def _enough(missing: int, found: int, looked_at: int) -> int:
    """In how many more the rest should be, if it lies as thick there as what was found. Pure."""
    return looked_at * 8 if not found else 1 + ceil(missing * looked_at / found * 1.25)


def _looked_into(
    session: TenantSession, some: Sequence[Stretch], wanted: Sequence[ColumnElement[bool]], contents: Contents
) -> Iterator[tuple[Sequence[str], str]]:
    """The events that have the contents, of some events at a time, and down to which id that was."""
    connection = session.connection()
    told = contents.clauses(is_sqlite=connection.dialect.name == "sqlite")
    columns = select(*COLUMNS, STORED_BYTES)
    for stretch in some:
        within = [Event.id >= stretch.first_id, Event.id <= stretch.last_id, *wanted]
        while True:
            part = _part(session, within) if told else None
            rows = session.execute(_narrowed(columns, within, told, part)).all()
            last = part or (rows[-1].id if rows else None)
            if last is not None:
                yield [row.id for row, body in _opened(connection, rows, contents) if contents.hold(row, body)], last
            if last is None or (part is None and len(rows) < LOOKED_AT):
                break
            within = [Event.id >= stretch.first_id, Event.id < last, *wanted]


def _part(session: TenantSession, within: Sequence[ColumnElement[bool]]) -> str | None:
    """The id that ends the next events, where the database looks into all of them; None where they are few."""
    ids = select(Event.id).where(*within).order_by(Event.id.desc())
    return session.scalar(ids.offset(LOOKED_INTO - 1).limit(1))


def _narrowed(
    columns: Select[Any], within: Sequence[ColumnElement[bool]], told: Sequence[ColumnElement[bool]], part: str | None
) -> Select[Any]:
    statement = columns.where(*within, *told).order_by(Event.id.desc())
    if part is not None:
        return statement.where(Event.id >= part)
    return statement if told else statement.limit(LOOKED_AT)


def _opened(connection: Connection, rows: Sequence[Any], contents: Contents) -> Iterator[tuple[Any, bytes]]:
    if contents.needs_body:
        return with_bodies(connection, rows)
    return ((row, b"") for row in rows)


def _ids(
    session: TenantSession, some: Sequence[Stretch], wanted: Sequence[ColumnElement[bool]], limit: int
) -> Sequence[str]:
    connection, found = session.connection(), list[str]()
    within = _within_sqlite if connection.dialect.name == "sqlite" else _within_postgres
    if some and some[0].last_id == NO_END:
        # It may be all of the journal, and is read from its end on.
        youngest = select(Event.id).where(Event.id >= some[0].first_id, *wanted).order_by(Event.id.desc()).limit(limit)
        found += session.scalars(youngest)
        some = some[1:]
    if some and len(found) < limit:
        found += (one for one in connection.scalars(within(some, wanted, limit - len(found))) if one is not None)
    return found


def _within_postgres(some: Sequence[Stretch], wanted: Sequence[ColumnElement[bool]], limit: int) -> Select[str]:
    columns = zip(Stretch._fields, zip(*some, strict=True), strict=True)
    # Two arrays, not a parameter for each: the statement is the same for any number, and made once.
    arrays = (bindparam(name, list(column), ARRAY(String)) for name, column in columns)
    bounds = func.unnest(*arrays).table_valued(*Stretch._fields, name="stretches").render_derived()
    # Each stretch by itself and no further than needed: a join would have the planner guess how much lies in one.
    lies_in = (Event.id >= bounds.c.first_id, Event.id <= bounds.c.last_id)
    inner = select(Event.id).where(*lies_in, *wanted).order_by(Event.id.desc()).limit(limit).lateral("found")
    outer = select(inner.c.id).select_from(bounds).join(inner, true())
    return outer.order_by(inner.c.id.desc()).limit(limit)


def _within_sqlite(some: Sequence[Stretch], wanted: Sequence[ColumnElement[bool]], limit: int) -> Select[str]:
    pairs = func.json_each(json.dumps(some)).table_valued("value", name="stretches")
    first_id, last_id = (func.json_extract(pairs.c.value, f"$[{place}]") for place in (0, 1))
    # An outer join is carried out in this order: an inner one begins with the whole journal. What it adds, a row of
    # nothing for a stretch without any, comes last, and is left out.
    found = and_(Event.id >= first_id, Event.id <= last_id, *wanted)
    return select(Event.id).select_from(pairs).outerjoin(Event, found).order_by(Event.id.desc()).limit(limit)
