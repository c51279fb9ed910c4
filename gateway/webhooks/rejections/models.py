"""The table of rejected requests."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, TenantOwned
from gateway.db.types import Identifier, UtcTimestamp


class Rejection(Base, TenantOwned):
    """A request that was refused, kept for 7 days so that a person can see why. At most 1 000 per source.

    `source` is the slug that was called, `source_id` empty when no such source exists. `body` holds the beginning of
    the `body_bytes` that came; all of them where `is_whole`; NULL in rows of a version that did not tell.
    Shared secrets are sealed where they stand. `stored_bytes` is what the row takes on the disk; NULL in rows of a
    version that did not tell. `accepted_as` is the first event that was made of it since.
    """

    __tablename__ = "rejections"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    source_id: Mapped[str] = mapped_column(Identifier)
    source: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    request_id: Mapped[str | None] = mapped_column(String(128))
    client_address: Mapped[str | None] = mapped_column(String(64))
    method: Mapped[str] = mapped_column(String(16))
    url: Mapped[str] = mapped_column(Text)
    headers: Mapped[bytes] = mapped_column(LargeBinary)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    body_bytes: Mapped[int] = mapped_column(Integer)
    stored_bytes: Mapped[int | None] = mapped_column(Integer)
    is_whole: Mapped[bool | None] = mapped_column(Boolean)
    accepted_as: Mapped[str | None] = mapped_column(Identifier)

    __table_args__ = (
        Index("ix_rejections_tenant_id_source_id_id", "tenant_id", "source_id", "id"),
        Index("ix_rejections_received_at", "received_at"),
        Index("ix_rejections_id_stored_bytes", "id", "stored_bytes"),
    )
