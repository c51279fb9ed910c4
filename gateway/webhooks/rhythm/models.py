"""The tables of how often events usually come to sources."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, TenantOwned
from gateway.db.types import Identifier, UtcTimestamp

# Written out: a partial index is used only where a statement repeats its condition.
IS_AWAITED = "silent_from IS NOT NULL AND silent_at IS NULL"


class SourceRhythm(Base, TenantOwned):
    """How often events come to a source, as `learning.Rhythm` has it.

    `silent_from` is when its silence will be unusual if nothing comes, NULL where it cannot be told. `silent_at` is
    when that was said; it ends with the next event.
    """

    __tablename__ = "source_rhythms"
    source_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    rates: Mapped[list[float]] = mapped_column(JSON)
    seen_hours: Mapped[int] = mapped_column(Integer)
    hour: Mapped[int] = mapped_column(Integer)
    count: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    longest: Mapped[list[list[float]]] = mapped_column(JSON)
    silent_from: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    silent_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)

    __table_args__ = (
        Index(
            "ix_source_rhythms_silent_from",
            "silent_from",
            sqlite_where=text(IS_AWAITED),
            postgresql_where=text(IS_AWAITED),
        ),
        Index("ix_source_rhythms_tenant_id", "tenant_id"),
    )


class RhythmMark(Base):
    """Up to which event, by its id, the journal is learned from: one row."""

    __tablename__ = "rhythm_marks"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    learned_to: Mapped[str] = mapped_column(Identifier)
