"""Trying routes before events come: on the provider's samples, and on the last events of the source."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from sqlalchemy import select

from gateway.clock import MICROSECONDS
from gateway.delivery.queue.enqueue import DeliveryRow
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.routing import CompiledRoute, apply_route, subject_of
from gateway.delivery.routes.trial import Tried, compile_draft, count, last_events, try_on_events
from gateway.events.append import EventRow
from gateway.events.models import Event
from gateway.providers import Provider
from gateway.tenants.acting import Acting
from gateway.webhooks.samples.documents import sample_bodies
from gateway.webhooks.samples.event import unsigned_sample
from gateway.webhooks.samples.signing import Moment
from gateway.webhooks.sources.models import Source

SAMPLE_ID = "sample"
TRIED_SECONDS = 5.0
"""For how long routes are tried for one request or command. What is not tried by then is not counted."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a route makes of the provider's samples, and of the last events of its source."""

    samples: Tried
    events: Tried

    @property
    def is_doubtful(self) -> bool:
        """Whether something would be a dead letter."""
        return any(one.null or one.failed for one in (self.samples, self.events))


class RouteTrials:
    """Tries routes for one who acts; what is tried on is read once for each source."""

    def __init__(self, acting: Acting) -> None:
        self._acting = acting
        self._events: dict[str, Sequence[Event]] = {}
        self._clock = acting.installation.clock
        self._ends_at = self._clock.monotonic() + TRIED_SECONDS

    def of(self, draft: RouteDraft, *, provider_id: str | None = None) -> Trial | None:
        """The trial of a route without faults; None where there is nothing to try: no filter and no transform.

        `provider_id` is the source's, where that is not stored yet.
        """
        if draft.where is None and draft.transform is None:
            return None
        route, source = compile_draft(draft), draft.source
        if source not in self._events:
            self._events[source] = last_events(self._acting.session, source)
        provider = self._provider(source, provider_id)
        made = () if provider is None else _made_of_samples(route, provider, source, self._acting.now_us)
        samples = count(takewhile(self._is_in_time, made))
        return Trial(samples, try_on_events(route, takewhile(self._is_in_time, self._events[source])))

    def _is_in_time(self, _tried: object) -> bool:
        return self._clock.monotonic() < self._ends_at

    def _provider(self, source: str, provider_id: str | None) -> Provider | None:
        if provider_id is None:
            provider_id = self._acting.session.scalar(select(Source.provider).where(Source.slug == source))
        return None if provider_id is None else self._acting.installation.provider(provider_id)


def _made_of_samples(
    route: CompiledRoute, provider: Provider, source: str, now_us: int
) -> Iterator[DeliveryRow | None]:
    if provider.webhook.batch is not None:
        # A sample is a request, and a route is applied to each event in it.
        return
    moment = Moment(SAMPLE_ID, now_us // MICROSECONDS)
    for event_type in sample_bodies(provider.id):
        if route.matches(event_type):
            sample = unsigned_sample(provider, provider.scheme(), moment, event_type)
            headers = tuple(sample.headers)
            event = EventRow(
                id=SAMPLE_ID,
                tenant_id="",
                source_id="",
                source=source,
                provider=provider.id,
                type=event_type,
                dedupe_key=None,
                received_at=now_us,
                request_id=None,
                method=sample.method,
                url="",
                content_type=dict(headers)["Content-Type"],
                body_bytes=len(sample.body),
                headers=json.dumps(headers).encode(),
                body=sample.body,
            )
            yield apply_route(route, event, subject_of(event, headers))
