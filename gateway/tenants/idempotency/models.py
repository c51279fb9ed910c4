"""The table of requests that may be sent twice."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base, TenantOwned
from gateway.db.types import Identifier, UtcTimestamp


class IdempotentRequest(Base, TenantOwned):
    """A request that somebody marked, and its answer once there is one.

    `id` is made of who sends (tenant and key) and the mark, `fingerprint` of what is asked for. Without an answer
    (`status` NULL) the row is the claim of a process that works on it, until the lease ends. `sealed_answer` holds
    headers and body: an answer may have a secret in it that is shown once.
    """

    __tablename__ = "idempotent_requests"
    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    lease_token: Mapped[str | None] = mapped_column(Identifier)
    lease_expires_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    status: Mapped[int | None] = mapped_column(Integer)
    sealed_answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(UtcTimestamp, index=True)
