"""Names in filters and routes that are probably mistakes: a source that never was, a type that one letter makes wrong.

Not every type of a provider is known, so only what is nearly a known one is taken for a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import select

from gateway.errors import Fault, Hint, InvalidInput, NotFound
from gateway.events.models import Event
from gateway.events.search import EventFilter, find_one_of
from gateway.suggestions import nearly
from gateway.tenants.acting import Acting
from gateway.webhooks.samples.documents import sample_bodies
from gateway.webhooks.sources.models import Source
from gateway.webhooks.sources.search import require_source, source_slugs

LAST_EVENTS = 1_000
# Whoever sets up a source of these names its types as they like.
OWN_TYPES = frozenset({"generic", "standard-webhooks"})


def require_filterable(acting: Acting, source: str | None, event_type: str | None = None) -> None:
    """Ask when a filter lets nothing pass, or before it is waited for. Raises `NotFound` for a source that there is not
    and of which there is no event, and for a type that is nearly one that there is.
    """
    if source is not None and not (_is_source(acting, source) or find_one_of(acting, EventFilter(source=source))):
        require_source(acting.session, source)
    if event_type is not None and not _is_pattern(event_type):
        near = nearly(event_type, _types(acting, source))
        if near is not None:
            hint = Hint("did_you_mean", {"names": [near]})
            raise NotFound(f"there is no event of the type {event_type!r}", hint)


def require_types(acting: Acting, source: str, patterns: Sequence[str]) -> None:
    """Raise `InvalidInput` for each of `patterns` that is nearly a type which `source` is known to send."""
    provider = acting.session.scalar(select(Source.provider).where(Source.slug == source))
    if provider is None or provider in OWN_TYPES:
        return
    known = _types(acting, source)
    faults = list(_misspelt(patterns, known, source))
    if faults:
        raise InvalidInput(faults=faults)


def _misspelt(patterns: Sequence[str], known: frozenset[str], source: str) -> Iterator[Fault]:
    for pattern in patterns:
        near = None if _is_pattern(pattern) else nearly(pattern, known)
        if near is not None:
            message = f"{pattern!r} is no type that {source} is known to send (if it is one, write {pattern + '*'!r})"
            yield Fault("types", "unknown", message, hint=Hint("did_you_mean", {"names": [near]}))


def _types(acting: Acting, source: str | None) -> frozenset[str]:
    """Types of the samples of the source's provider, and those of the last events."""
    last = select(Event.type, Event.source).order_by(Event.id.desc()).limit(LAST_EVENTS)
    seen = {row.type for row in acting.session.execute(last) if source in (None, row.source)}
    providers = select(Source.provider) if source is None else select(Source.provider).where(Source.slug == source)
    sampled = {name for provider in acting.session.scalars(providers) for name in sample_bodies(provider)}
    return frozenset(name for name in seen | sampled if name)


def _is_source(acting: Acting, source: str) -> bool:
    return source in source_slugs(acting.session)


def _is_pattern(text: str) -> bool:
    return "*" in text or "?" in text
