"""Cases of stored rejections: the request as it was kept, with what its source and the tenant's others hold.

Reads through the tenant's own session only; secrets are opened here and go nowhere but into the case.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from gateway.clock import from_us, to_us
from gateway.db.scope import TenantSession
from gateway.errors import DecryptionFailed, Hint, NotFound
from gateway.events.at_rest import open_request_part
from gateway.security.sealing import Keyring
from gateway.tenants.acting import Acting
from gateway.webhooks.explain.case import Case, OldCredential, OtherSource
from gateway.webhooks.explain.finding import Diagnosis, Line
from gateway.webhooks.explain.refusals import SIGNATURE_REASONS, explain_refusal
from gateway.webhooks.rejections.models import Rejection
from gateway.webhooks.secrets_at_rest import opened_headers, opened_text
from gateway.webhooks.sources.credentials import (
    OpenedCredentials,
    credentials_at,
    open_credentials,
    pending_until_us,
)
from gateway.webhooks.sources.models import Source, SourceCredential
from gateway.webhooks.sources.search import require_source
from gateway.webhooks.sources.stored import stored_credentials
from gateway.webhooks.verification import Credentials, InboundRequest


def rejected_case(acting: Acting, rejection_id: str, *, url: str | None = None) -> Case | Diagnosis:
    """The case of a rejection, or the diagnosis itself where no signature is at fault.

    `url` replaces the URL that it came by. Raises `NotFound`, `DecryptionFailed`.
    """
    row = acting.session.scalars(select(Rejection).where(Rejection.id == rejection_id)).first()
    if row is None:
        raise NotFound(f"there is no rejection {rejection_id!r}", Hint("list_rejections"))
    if row.reason not in SIGNATURE_REASONS:
        return _refusal(acting.session, row)
    request = _request(acting.installation.keyring, row)
    case = source_case(acting, row.source, request if url is None else request._replace(url=url), at=row.received_at)
    return replace(case, total_bytes=row.body_bytes)


def source_case(acting: Acting, slug: str, request: InboundRequest, *, at: datetime) -> Case:
    """The case of a request for a source, which came `at`. Raises `NotFound`, `DecryptionFailed`."""
    session, keyring, catalogue = acting.session, acting.installation.keyring, acting.installation.catalogue
    now = acting.now
    source = require_source(session, slug)
    provider = catalogue.get(source.provider)
    if provider is None:
        raise NotFound(
            f"the provider {source.provider!r} of the source {slug!r} is not in the catalogue; "
            "see GATEWAY_PROVIDERS_DIR"
        )
    every = session.scalars(select(Source).order_by(Source.slug)).all()
    rows = stored_credentials(session, every)
    opened = open_credentials(keyring, source, rows[source.id])
    credentials = _live(source, opened, now)
    return Case(
        provider=provider,
        request=request,
        credentials=credentials,
        waited_too_long=source.pending_handshake and not credentials.pending_handshake,
        now=to_us(at) / 1_000_000,
        scheme=source.scheme,
        source=slug,
        ended=_ended(opened, now),
        others=[
            OtherSource(other.slug, catalogue.get(other.provider), other.scheme, _live(other, held, now))
            for other in every
            if other.id != source.id and (held := _opened(keyring, other, rows[other.id])) is not None
        ],
        catalogue=catalogue,
    )


def _request(keyring: Keyring, row: Rejection) -> InboundRequest:
    """The refused request with the secrets that it came with."""
    kept = {"tenant_id": row.tenant_id, "source": row.source}
    pairs = ((str(name), str(value)) for name, value in json.loads(row.headers))
    return InboundRequest(
        row.method,
        opened_text(keyring, row.url, **kept),
        opened_headers(keyring, pairs, **kept),
        open_request_part(keyring, row.body, **kept),
    )


def _opened(keyring: Keyring, source: Source, rows: Sequence[SourceCredential]) -> OpenedCredentials | None:
    """What a source holds; None when it is out of order because no key opens it, which is no matter of the case."""
    try:
        return open_credentials(keyring, source, rows)
    except DecryptionFailed:
        return None


def _live(source: Source, opened: OpenedCredentials, now: datetime) -> Credentials:
    return credentials_at(to_us(now), opened, options=source.options, pending_until_us=pending_until_us(source))


def _ended(opened: OpenedCredentials, now: datetime) -> Sequence[OldCredential]:
    now_us = to_us(now)
    return [
        OldCredential(kind, one.value, from_us(one.expires_at_us).isoformat(timespec="minutes"))
        for kind, values in opened.by_kind.items()
        for one in values
        if one.expires_at_us is not None and not one.is_live(now_us)
    ]


def _refusal(session: TenantSession, row: Rejection) -> Diagnosis:
    received = [
        Line("request", f"{row.method} to {row.source}"),
        Line("received", row.received_at.isoformat(timespec="seconds")),
        Line("client", row.client_address or "unknown"),
        Line("body", f"{row.body_bytes} bytes"),
    ]
    return explain_refusal(
        reason=row.reason,
        detail=row.detail,
        slug=row.source,
        client=row.client_address,
        slugs=session.scalars(select(Source.slug)).all(),
        received=received,
    )
