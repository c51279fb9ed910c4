"""Which sources integrations learn from what changed. Their table is known here by its name alone: what stands on it is
above.
"""

from __future__ import annotations

from sqlalchemy import text

from gateway.db.scope import SystemSession

_FOLLOWED = text("SELECT DISTINCT source_id FROM integrations WHERE source_id IS NOT NULL")


def followed_sources(session: SystemSession) -> frozenset[str]:
    """Their ids, of all tenants. Whoever changes it moves the revision of sources."""
    return frozenset(session.connection().scalars(_FOLLOWED))
