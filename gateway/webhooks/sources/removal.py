"""Sources: removed. What they received stays in the journal."""

from __future__ import annotations

from sqlalchemy import delete, func, select

from gateway.delivery.models import Route
from gateway.errors import Conflict, Hint
from gateway.tenants.acting import Acting
from gateway.webhooks.sources.models import Source, SourceCredential
from gateway.webhooks.sources.search import show_source
from gateway.webhooks.sources.summary import SourceSummary


def removable_source(acting: Acting, source: str) -> SourceSummary:
    """A source that nothing hangs on. Raises `NotFound`, and `Conflict` while routes take its events."""
    found = show_source(acting, source)
    taking = select(func.coalesce(Route.name, Route.id)).where(Route.source == found.slug)
    routes = acting.session.scalars(taking.order_by(Route.id)).all()
    if routes:
        raise Conflict(f"routes take the events of {found.slug!r}", Hint("remove_routes", {"names": list(routes)}))
    return found


def remove_source(acting: Acting, source: str) -> None:
    """Forget a source and its credentials; its requests are answered 404 from now on. Its events, their deliveries and
    its rejections stay until they are old. Raises as above.
    """
    before = removable_source(acting, source)
    acting.session.execute(delete(SourceCredential).where(SourceCredential.source_id == before.id))
    acting.session.execute(delete(Source).where(Source.id == before.id))
    acting.audit("source.removed", before.id, before.slug, before=before)
