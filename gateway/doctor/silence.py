"""Sources to which nothing comes any more."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select

from gateway.clock import iso
from gateway.doctor.check import CheckResult, Level
from gateway.errors import Hint
from gateway.installation import Installation
from gateway.webhooks.rhythm.models import SourceRhythm
from gateway.webhooks.sources.models import Source

NAME = "silence"
NAMED = 10
"""So many are named; of more there is the number."""


def silence(installation: Installation) -> Iterator[CheckResult]:
    """Which sources are silent that are usually busy. Raises `StorageUnavailable`."""
    silent = (
        select(Source.slug, SourceRhythm.last_at)
        .join(SourceRhythm, SourceRhythm.source_id == Source.id)
        .where(SourceRhythm.silent_at.is_not(None), Source.disabled_at.is_(None))
        .order_by(SourceRhythm.last_at)
    )
    with installation.database.system_session() as session:
        rows = session.execute(silent.limit(NAMED)).all()
        count = session.scalar(select(func.count()).select_from(silent.subquery())) or 0
    if not rows:
        yield CheckResult(NAME, Level.OK, "no source is silent that is usually busy")
    for slug, last_at in rows:
        detail = f"nothing came to {slug} since {iso(last_at)}, and usually much does"
        yield CheckResult(NAME, Level.WARN, detail, Hint("show_source", {"slug": slug}))
    if count > len(rows):
        yield CheckResult(NAME, Level.WARN, f"{count - len(rows)} more are silent")
