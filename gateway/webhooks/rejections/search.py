"""Finding rejected requests, so that a person can see why a vendor's calls fail. `rejections` writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import defer

from gateway.db.paging import Page, PageRequest, page_of
from gateway.errors import NotFound
from gateway.security.redaction import redact_headers, redact_url
from gateway.tenants.acting import Acting
from gateway.webhooks.rejections.models import Rejection

SHOWN_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class RejectionSummary:
    """A refused request in a list. `source` is the slug that was called, whether or not there is such a source;
    `accepted_as` the event that was made of it since.
    """

    id: str
    source: str
    reason: str
    detail: str | None
    received_at: datetime
    client_address: str | None
    method: str
    body_bytes: int
    accepted_as: str | None


@dataclass(frozen=True, slots=True)
class RejectionDetail(RejectionSummary):
    """A refused request with what was kept of it: `kept_body_bytes` of its body, of which the first 64 KB are shown;
    URL and headers without credentials.
    """

    request_id: str | None
    url: str
    headers: Sequence[tuple[str, str]] = field(repr=False)
    kept_body_bytes: int
    body: bytes = field(repr=False)


def find_rejections(
    acting: Acting, page: PageRequest, *, source: str | None = None, reason: str | None = None
) -> Page[RejectionSummary]:
    """A page of rejections, newest first."""
    statement = select(Rejection).options(defer(Rejection.body), defer(Rejection.headers))
    if source is not None:
        statement = statement.where(Rejection.source == source)
    if reason is not None:
        statement = statement.where(Rejection.reason == reason)
    found = page_of(acting.session, statement, Rejection.id, page, is_descending=True)
    return Page(tuple(RejectionSummary(**_summary_fields(row)) for row in found.rows), found.next_cursor)


def show_rejection(acting: Acting, rejection_id: str, *, shown_bytes: int | None = SHOWN_BODY_BYTES) -> RejectionDetail:
    """One rejection, with so much of its body; None for all that is kept. Raises `NotFound`."""
    row = acting.session.scalars(select(Rejection).where(Rejection.id == rejection_id)).first()
    if row is None:
        raise NotFound(f"there is no rejection {rejection_id!r}; they are kept for 7 days, at most 1000 per source")
    headers = [(str(name), str(value)) for name, value in json.loads(row.headers)]
    return RejectionDetail(
        **_summary_fields(row),
        request_id=row.request_id,
        url=redact_url(row.url),
        headers=tuple(redact_headers(headers, acting.installation.proof_headers)),
        kept_body_bytes=len(row.body),
        body=row.body[:shown_bytes],
    )


def _summary_fields(row: Rejection) -> dict[str, Any]:
    return {item.name: getattr(row, item.name) for item in fields(RejectionSummary)}
