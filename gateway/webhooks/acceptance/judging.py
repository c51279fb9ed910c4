"""Judging a kept request again: as its source is now, at the time at which it came."""

from __future__ import annotations

import json

from sqlalchemy import select

from gateway.clock import MICROSECONDS, to_us
from gateway.delivery.routes.loader import load_tenant_routing
from gateway.delivery.routes.routing import RoutingSnapshot
from gateway.errors import DecryptionFailed
from gateway.events.at_rest import open_request_part
from gateway.out_of_order import OutOfOrder
from gateway.tenants.acting import Acting
from gateway.tenants.directory import TenantState
from gateway.webhooks.acceptance.outcomes import Judged, Outcome
from gateway.webhooks.arrival import Arrival
from gateway.webhooks.material import shared_material
from gateway.webhooks.receive.entry import Submission
from gateway.webhooks.receive.submission import submission_of
from gateway.webhooks.rejections.models import Rejection
from gateway.webhooks.secrets_at_rest import opened_headers, opened_text
from gateway.webhooks.sources.models import Source
from gateway.webhooks.sources.rows import SourceView, judge_source
from gateway.webhooks.sources.stored import stored_credentials
from gateway.webhooks.verification import InboundRequest, MaterialRequest, Verdict, judge

# Of these no body was kept, whatever the row says.
_WITHOUT_BODY = frozenset({"body_too_large", "body_incomplete"})
_NO_EVENT = "it is a greeting of the provider, which carries no event"


class Judge:
    """Judges rejections of one tenant in one transaction; what they share is read once."""

    def __init__(self, acting: Acting) -> None:
        self._acting = acting
        self._installation = acting.installation
        self._keyring = acting.keyring if acting.is_writing else acting.installation.keyring
        self._material = shared_material(acting.installation)
        self._sources: dict[str, SourceView | str] = {}
        self._routing: RoutingSnapshot | None = None

    def needs(self, row: Rejection) -> tuple[list[MaterialRequest], str]:
        """Certificates that have to be fetched before it can be judged, and the id of the source they are for."""
        source = self._source(row.source)
        if isinstance(source, str):
            return [], ""
        try:
            needed = self._needed(source, self._request(row))
        except DecryptionFailed:
            return [], ""
        return list(self._material.missing(needed)), source.id

    def judge(self, row: Rejection) -> Submission | Judged:
        """What is to be stored of it; or why nothing is."""
        if row.accepted_as is not None:
            return Judged(row.id, Outcome.ACCEPTED_BEFORE, event_ids=(row.accepted_as,))
        source = self._source(row.source)
        if isinstance(source, str):
            return Judged(row.id, Outcome.REFUSED, source)
        try:
            request = self._request(row)
        except DecryptionFailed as error:
            return Judged(row.id, Outcome.REFUSED, str(error))
        if not _is_whole(row, request):
            return Judged(row.id, Outcome.INCOMPLETE, "only a part of it was kept")
        verdict = self._verdict(row, request, source)
        refused = self._standing_refuses() or _refuses(row, source, verdict)
        if refused is not None:
            return Judged(row.id, Outcome.REFUSED, refused)
        # What the journal sorts by is when it is taken in: it would else appear among what everybody has seen.
        arrival = Arrival(
            tenant=self._acting.tenant.slug,
            source=row.source,
            method=request.method,
            url=request.url,
            headers=tuple(request.headers),
            body=request.body,
            client_address=row.client_address or "",
            request_id=row.request_id or "",
            received_at_us=self._acting.now_us,
            began=self._installation.clock.monotonic(),
        )
        seconds = self._installation.settings.proof_seconds
        return submission_of(arrival, source, self._routes(), verdict, proof_seconds=seconds)

    def _request(self, row: Rejection) -> InboundRequest:
        kept = {"tenant_id": row.tenant_id, "source": row.source}
        pairs = ((str(name), str(value)) for name, value in json.loads(row.headers))
        return InboundRequest(
            row.method,
            opened_text(self._keyring, row.url, **kept),
            opened_headers(self._keyring, pairs, **kept),
            open_request_part(self._keyring, row.body, **kept),
        )

    def _source(self, slug: str) -> SourceView | str:
        """The source at an address, or why nothing is taken in there."""
        if slug not in self._sources:
            self._sources[slug] = self._loaded(slug)
        return self._sources[slug]

    def _loaded(self, slug: str) -> SourceView | str:
        session = self._acting.session
        row = session.scalars(select(Source).where(Source.slug == slug)).first()
        if row is None:
            return f"there is no source {slug!r}"
        if row.disabled_at is not None:
            return f"the source {slug!r} is disabled"
        provider = self._installation.catalogue.get(row.provider)
        credentials = stored_credentials(session, [row])[row.id]
        judged = judge_source(row, credentials, self._keyring, provider, now_us=self._acting.now_us)
        return f"the source {slug!r} is out of order: {judged.detail}" if isinstance(judged, OutOfOrder) else judged

    def _needed(self, source: SourceView, request: InboundRequest) -> list[MaterialRequest]:
        credentials = source.credentials(self._acting.now_us)
        return list(self._material.needed(source.provider, request, credentials, source.scheme))

    def _verdict(self, row: Rejection, request: InboundRequest, source: SourceView) -> Verdict:
        credentials = source.credentials(self._acting.now_us)
        known = self._material.complete(self._needed(source, request), credentials)
        came_at = to_us(row.received_at) / MICROSECONDS
        return judge(source.provider, request, known, now=came_at, scheme=source.scheme)

    def _standing_refuses(self) -> str | None:
        tenant = self._routes().standings[self._acting.tenant.id]
        if tenant.state is TenantState.SUSPENDED:
            return f"the tenant {tenant.slug!r} is suspended"
        return f"the tenant {tenant.slug!r} has as much stored as it may have" if tenant.is_full else None

    def _routes(self) -> RoutingSnapshot:
        if self._routing is None:
            acting = self._acting
            self._routing = load_tenant_routing(
                acting.session.connection(),
                self._installation.settings,
                self._keyring,
                tenant_id=acting.tenant.id,
                now_us=acting.now_us,
            )
        return self._routing


def _is_whole(row: Rejection, request: InboundRequest) -> bool:
    # Rows of the version before do not say it.
    is_there = len(request.body) == row.body_bytes
    return is_there and row.is_whole is not False and row.reason not in _WITHOUT_BODY


def _refuses(row: Rejection, source: SourceView, verdict: Verdict) -> str | None:
    """Why it is refused again, or None."""
    if not source.allowlist.allows(row.client_address or ""):
        return f"the source takes no requests from {row.client_address or 'an address that is not known'}"
    if verdict.handshake is not None:
        return _NO_EVENT
    if not verdict.accepted:
        return f"{verdict.reason}: {verdict.detail or 'the signature could not be verified'}"
    return "this method carries no event" if row.method in {"HEAD", "OPTIONS"} else None
