"""Building blocks: reads what came since the last one, and writes down what may be found in it.

Several processes may build: whoever is second with a block finds it there and goes on behind it. Nothing depends on
whether, or when, a block is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.clock import MICROSECONDS, Clock, from_us
from gateway.db.database import Database
from gateway.events.blocks.bodies import STORED_BYTES, with_bodies
from gateway.events.blocks.terms import terms_of
from gateway.events.blocks.word_filter import SEGMENT_BYTES, filter_of
from gateway.events.blocks.words import words_in, words_of
from gateway.events.models import Event, EventBlock, EventBlockTerm
from gateway.security.identifiers import earliest_id

BLOCK_EVENTS = 256
SETTLE_SECONDS = 10.0
"""An event has appeared so long after its id was made, unless a database stands still or a clock is off."""
LOOK_AGAIN_SECONDS = 600.0
"""And after so long it is looked whether one has not."""

FindUnrouted = Callable[[Connection, Sequence[str]], AbstractSet[str]]
"""Which of these events have no delivery."""

_SUMMARY = (
    Event.id,
    Event.tenant_id,
    Event.source,
    Event.type,
    Event.content_type,
    Event.dedupe_key,
    STORED_BYTES,
)


@dataclass(frozen=True, slots=True)
class _Built:
    """A block as it is stored, and where its terms, (tenant, term), are: in the first and the last of which event."""

    after_id: str
    last_id: str
    events: int
    words: bytes
    terms: Mapping[tuple[str, str], tuple[str, str]]


class BlockBuilder:
    """Builds one block after the other. For one thread."""

    def __init__(self, database: Database, clock: Clock, unrouted: FindUnrouted) -> None:
        self._database = database
        self._clock = clock
        self._unrouted = unrouted

    def step(self) -> bool:
        """Build the next block if there are events enough for one, else settle one. False when there is nothing to do.

        Raises `StorageUnavailable`.
        """
        return self._build_next() or self._settle_next()

    def _build_next(self) -> bool:
        with self._database.read() as connection:
            after_id = connection.scalar(select(func.max(EventBlock.last_id))) or ""
            ceiling = earliest_id("evt", self._clock.now_us() - round(SETTLE_SECONDS * MICROSECONDS))
            rows = _summaries(connection, Event.id > after_id, Event.id < ceiling, limit=BLOCK_EVENTS)
            if len(rows) < BLOCK_EVENTS:
                return False
            built = self._built(connection, after_id, rows[-1].id, rows)
        with self._database.write() as connection:
            self._store(connection, built, is_settled=False)
        return True

    def _settle_next(self) -> bool:
        """Look again at the oldest block that may have been built before all of its events had appeared."""
        before_us = self._clock.now_us() - round(LOOK_AGAIN_SECONDS * MICROSECONDS)
        with self._database.read() as connection:
            statement = (
                select(EventBlock.last_id, EventBlock.after_id, EventBlock.events)
                .where(~EventBlock.is_settled, EventBlock.last_id < earliest_id("evt", before_us))
                .order_by(EventBlock.last_id)
                .limit(1)
            )
            block = connection.execute(statement).first()
            if block is None:
                return False
            bounds = (Event.id > block.after_id, Event.id <= block.last_id)
            count = connection.scalar(select(func.count()).select_from(Event).where(*bounds)) or 0
            built = None
            if count > block.events:
                built = self._built(connection, block.after_id, block.last_id, _summaries(connection, *bounds))
        with self._database.write() as connection:
            if built is None:
                settled = update(EventBlock).where(EventBlock.last_id == block.last_id).values(is_settled=True)
                connection.execute(settled)
            else:
                remove(connection, [block.last_id])
                self._store(connection, built, is_settled=True)
        return True

    def _built(self, connection: Connection, after_id: str, last_id: str, rows: Sequence[Any]) -> _Built:
        unrouted = self._unrouted(connection, [row.id for row in rows])
        words: dict[str, set[bytes]] = {}
        terms: dict[tuple[str, str], tuple[str, str]] = {}
        for row, body in with_bodies(connection, rows):
            found = words.setdefault(row.tenant_id, set())
            found |= words_of(row.content_type, body)
            if row.dedupe_key is not None:
                found |= words_in(row.dedupe_key)
            for term in terms_of(row.source, row.type, is_unrouted=row.id in unrouted):
                first, _ = terms.get((row.tenant_id, term), (row.id, row.id))
                terms[row.tenant_id, term] = first, row.id
        return _Built(after_id, last_id, len(rows), filter_of(words), terms)

    def _store(self, connection: Connection, built: _Built, *, is_settled: bool) -> None:
        dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
        values = {
            "last_id": built.last_id,
            "after_id": built.after_id,
            "events": built.events,
            "segments": len(built.words) // SEGMENT_BYTES,
            "words": built.words,
            "built_at": from_us(self._clock.now_us()),
            "is_settled": is_settled,
        }
        inserted = dialect.insert(EventBlock).values(values).on_conflict_do_nothing().returning(EventBlock.last_id)
        if connection.execute(inserted).first() is None:
            return
        terms = [
            {"tenant_id": tenant_id, "term": term, "last_id": built.last_id, "first_found": first, "last_found": last}
            for (tenant_id, term), (first, last) in sorted(built.terms.items())
        ]
        connection.execute(insert(EventBlockTerm), terms)


def remove(connection: Connection, last_ids: Sequence[str]) -> None:
    """Forget the blocks with these last ids. Searches look no more for their events."""
    connection.execute(delete(EventBlockTerm).where(EventBlockTerm.last_id.in_(last_ids)))
    connection.execute(delete(EventBlock).where(EventBlock.last_id.in_(last_ids)))


def _summaries(connection: Connection, *clauses: Any, limit: int | None = None) -> Sequence[Any]:
    return connection.execute(select(*_SUMMARY).where(*clauses).order_by(Event.id).limit(limit)).all()
