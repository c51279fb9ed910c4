"""The journal's tables: one immutable row per event, with the exact bytes that came; blocks, by which they are found;
how often events came again.

Events are written by `gateway.events.append` only, blocks by `gateway.events.blocks`. There are no foreign keys on
`events` and `deliveries`: both are hot, both are only ever removed by the purge, which takes them in order.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, TenantOwned
from gateway.db.types import Identifier, Key, Term, UtcTimestamp

# The source of events that happen inside the gateway; no inbound endpoint may take this slug or this id.
SYSTEM_SOURCE = "gateway"


class Event(Base, TenantOwned):
    """One thing that happened, received or internal. Ids sort by time.

    `source` and `provider` are what they were when the event came; `source_id` is `gateway` for internal events.
    `headers` is a JSON array of [name, value] pairs in the order received. `dedupe_key` is unique per source;
    NULL means that the provider gives none. Shared secrets in `url`, `headers` and `body` are sealed where they stand
    (`at_rest`); `body_bytes` counts the body as it came.
    """

    __tablename__ = "events"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    source_id: Mapped[str] = mapped_column(Identifier)
    source: Mapped[str] = mapped_column(String(64))
    provider: Mapped[str] = mapped_column(String(64))
    type: Mapped[str | None] = mapped_column(Key)
    dedupe_key: Mapped[str | None] = mapped_column(Key)
    received_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    request_id: Mapped[str | None] = mapped_column(String(128))
    method: Mapped[str] = mapped_column(String(8))
    url: Mapped[str] = mapped_column(Text)
    content_type: Mapped[str | None] = mapped_column(String(255))
    body_bytes: Mapped[int] = mapped_column(Integer)
    headers: Mapped[bytes] = mapped_column(LargeBinary)
    body: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        Index("uq_events_source_id_dedupe_key", "source_id", "dedupe_key", unique=True),
        Index("ix_events_tenant_id_id", "tenant_id", "id"),
    )


class EventRepeats(Base, TenantOwned):
    """An event that came again: `times` times, the last time at `last_at` in the request `last_request_id`."""

    __tablename__ = "event_repeats"
    event_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    times: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    last_request_id: Mapped[str | None] = mapped_column(String(128))

    __table_args__ = (Index("ix_event_repeats_tenant_id_event_id", "tenant_id", "event_id"),)


class EventBlock(Base):
    """What may be found in the events after `after_id` up to `last_id`, of all tenants.

    `words` is a filter of `segments` segments (`gateway.events.blocks.word_filter`). `is_settled` says that it was
    looked at again when no event could appear in it any more.
    """

    __tablename__ = "event_blocks"
    last_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    after_id: Mapped[str] = mapped_column(Identifier, unique=True)
    events: Mapped[int] = mapped_column(Integer)
    segments: Mapped[int] = mapped_column(Integer)
    words: Mapped[bytes] = mapped_column(LargeBinary)
    built_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    is_settled: Mapped[bool] = mapped_column(Boolean)

    __table_args__ = (
        Index(
            "ix_event_blocks_unsettled",
            "last_id",
            sqlite_where=text("NOT is_settled"),
            postgresql_where=text("NOT is_settled"),
        ),
    )


class EventBlockTerm(Base, TenantOwned):
    """Something by which events of one tenant are found (`gateway.events.blocks.terms`) is in the block with this last
    id: first in the event `first_found`, last in `last_found`.
    """

    __tablename__ = "event_block_terms"
    tenant_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    term: Mapped[str] = mapped_column(Term, primary_key=True)
    last_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    first_found: Mapped[str] = mapped_column(Identifier)
    last_found: Mapped[str] = mapped_column(Identifier)

    __table_args__ = (Index("ix_event_block_terms_last_id", "last_id"),)
