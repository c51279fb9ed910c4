"""Forgetting proofs that have expired, in short transactions; what is kept is never looked at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import delete, func, select

from gateway.db.database import Database
from gateway.webhooks.proofs.models import AcceptedProof

BATCH_ROWS = 500


def count_proofs(database: Database, *, now: datetime) -> int:
    """How many `purge_proofs` would remove. Raises `StorageUnavailable`."""
    with database.system_session() as session:
        return session.scalar(select(func.count()).where(AcceptedProof.expires_at < now)) or 0


def purge_proofs(database: Database, *, now: datetime, batch_rows: int = BATCH_ROWS) -> Iterator[int]:
    """Remove proofs that expired before `now`, of every source; one count per transaction.

    May be stopped between two values and started again. Raises `StorageUnavailable`.
    """
    expired = select(AcceptedProof.digest).where(AcceptedProof.expires_at < now)
    while True:
        with database.system_session(write=True) as session:
            digests = session.scalars(expired.order_by(AcceptedProof.expires_at).limit(batch_rows)).all()
            removal = delete(AcceptedProof).where(AcceptedProof.digest.in_(digests))
            session.execute(removal.execution_options(synchronize_session=False))
        if digests:
            yield len(digests)
        if len(digests) < batch_rows:
            return
