"""The table of proofs that were accepted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.model import Base
from gateway.db.types import Identifier, UtcTimestamp


class AcceptedProof(Base):
    """What a signature covered that a source accepted: it is not accepted again for anything else until `expires_at`.

    `digest` is of the source's id and the signed text, `events_digest` of what makes the events that it was accepted
    for, so that a repeat can be told from a replay when they are gone. `event_id` is the first of them; a repeat under
    a new signature has left the id that it would have had. Belongs to no tenant: digests tell nothing, and one that is
    looked for is made with the id of a source.
    """

    __tablename__ = "accepted_proofs"
    # The only random order on the hot path: as short as it can be. SQLite keeps the rows themselves in the order in
    # which they come.
    digest: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    events_digest: Mapped[bytes] = mapped_column(LargeBinary(16))
    event_id: Mapped[str] = mapped_column(Identifier)
    expires_at: Mapped[datetime] = mapped_column(UtcTimestamp)

    __table_args__ = (Index("ix_accepted_proofs_expires_at", "expires_at"),)
