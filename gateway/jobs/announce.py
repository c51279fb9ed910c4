"""Telling workers that a job became due."""

from __future__ import annotations

from functools import partial

from gateway.db.after_commit import after_commit
from gateway.tenants.acting import Acting, SystemActing


def announce_after_commit(acting: Acting | SystemActing, kind: str, job_id: str) -> None:
    """Workers hear of it when this transaction has committed."""
    announcements = acting.installation.announcements
    after_commit(acting.session.connection(), partial(announcements.job, kind, job_id))
