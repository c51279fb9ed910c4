"""Finding sources: all of them page by page, one by its slug, and the one that is meant for a provider."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import or_, select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.db.scope import TenantSession
from gateway.errors import Hint, InvalidInput, NotFound
from gateway.events.models import SYSTEM_SOURCE
from gateway.suggestions import suggest
from gateway.tenants.acting import Acting
from gateway.webhooks.sources.models import Source
from gateway.webhooks.sources.summary import SourceSummary, summaries, summary


def find_sources(acting: Acting, page: PageRequest) -> Page[SourceSummary]:
    """A page of the tenant's sources, by slug. Raises `InvalidInput`."""
    found = page_of(acting.session, select(Source), Source.slug, page)
    return Page(summaries(acting, found.rows), found.next_cursor)


def show_source(acting: Acting, source: str) -> SourceSummary:
    """One source, by its slug or id; where it may be changed, nobody else changes it meanwhile. Raises `NotFound`."""
    return summary(acting, require_source(acting.session, source, lock=acting.is_writing))


def source_for(acting: Acting, provider_id: str, slug: str | None = None) -> Source:
    """The source of a provider with this slug, or the only one there is.

    Raises `NotFound` when there is none, `InvalidInput` when the slug is another provider's or there are several.
    """
    if slug is not None:
        source = require_source(acting.session, slug)
        if source.provider != provider_id:
            message = f"the source {slug!r} is for {source.provider}, not {provider_id}"
            raise InvalidInput.at("source", "mismatch", message)
        return source
    statement = select(Source).where(Source.provider == provider_id).order_by(Source.slug)
    sources = acting.session.scalars(statement).all()
    if not sources:
        hint = Hint("add_source", {"provider": provider_id})
        raise NotFound(f"there is no source for {provider_id}", hint)
    if len(sources) > 1:
        slugs = [source.slug for source in sources]
        message = f"there are several sources for {provider_id}"
        raise InvalidInput.at("source", "ambiguous", message, Hint("choose_source", {"slugs": slugs}))
    return sources[0]


def require_source(session: TenantSession, source: str, *, lock: bool = False) -> Source:
    """The row of a source, by its slug or id; `lock`ed until the transaction ends.

    Raises `NotFound`, with a suggestion where one is near.
    """
    # Both are the tenant's own; a slug that reads like an id of another source loses.
    statement = select(Source).where(or_(Source.slug == source, Source.id == source))
    found = session.scalars(statement.with_for_update() if lock else statement).all()
    if not found:
        known = session.scalars(select(Source.slug)).all()
        raise NotFound(f"there is no source {source!r}", suggest(source, known, Hint("add_source", {"slug": source})))
    return next((row for row in found if row.id == source), found[0])


def source_slugs(session: TenantSession, *, held: Collection[str] = ()) -> frozenset[str]:
    """What a route may name as its source: every source, and `gateway` for internal events. None of those `held` is
    removed before the transaction ends.
    """
    if held:
        kept = select(Source.id).where(Source.slug.in_(held)).order_by(Source.id)
        session.scalars(kept.with_for_update(read=True, key_share=True)).all()
    return frozenset(session.scalars(select(Source.slug))) | {SYSTEM_SOURCE}
