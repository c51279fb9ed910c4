"""Forgetting the blocks whose events are all gone."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import exists, select

from gateway.db.database import Database
from gateway.events.blocks.build import remove
from gateway.events.models import Event, EventBlock
from gateway.security.identifiers import earliest_id

BATCH_BLOCKS = 200


def purge_blocks(database: Database, before_us: int, *, batch_blocks: int = BATCH_BLOCKS) -> Iterator[int]:
    """Remove empty blocks of events from before `before_us`; how many, one value per transaction.

    Raises `StorageUnavailable`.
    """
    has_event = exists().where(Event.id > EventBlock.after_id, Event.id <= EventBlock.last_id)
    empty = select(EventBlock.last_id).where(EventBlock.last_id < earliest_id("evt", before_us), ~has_event)
    while True:
        with database.write() as connection:
            found = connection.scalars(empty.order_by(EventBlock.last_id).limit(batch_blocks)).all()
            remove(connection, found)
        if found:
            yield len(found)
        if len(found) < batch_blocks:
            return
