"""Credentials as they are stored, sealed: whose they are and until when they count can be told without a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.webhooks.sources.models import Source, SourceCredential


def stored_credentials(session: Session, sources: Sequence[Source]) -> Mapping[str, Sequence[SourceCredential]]:
    """The sealed credentials of `sources` by the source's id, oldest first, read in one statement."""
    found: dict[str, list[SourceCredential]] = {source.id: [] for source in sources}
    statement = select(SourceCredential).where(SourceCredential.source_id.in_(found))
    for row in session.scalars(statement.order_by(SourceCredential.id)):
        found[row.source_id].append(row)
    return found
