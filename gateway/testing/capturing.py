"""Capturing an event of the journal for tests, without its secrets and what tells of people."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import select

from gateway.content.compression import inflated
from gateway.content.forms import FORM_TYPES, media_type_of
from gateway.delivery.sending.request import forwarded_headers
from gateway.errors import InvalidInput
from gateway.events.models import SYSTEM_SOURCE, Event
from gateway.events.vendor_ids import require_event_id
from gateway.security.masking import Masker
from gateway.security.redaction import is_secret_name
from gateway.tenants.acting import Acting
from gateway.testing.fixture_file import CapturedEvent
from gateway.webhooks.sources.models import Source


@dataclass(frozen=True, slots=True)
class Capture:
    """A captured event, and how many values of it are masked."""

    captured: CapturedEvent
    masked: int


def capture(acting: Acting, event_id: str, *, also: Collection[str] = (), keep: Collection[str] = ()) -> Capture:
    """One event, by its id or its vendor's. `also` and `keep` are names of members of the body that are masked besides,
    or not.

    Raises `NotFound`, and `InvalidInput` for what cannot be masked or has no vendor.
    """
    found = require_event_id(acting.session, event_id)
    row = acting.session.scalars(select(Event).where(Event.id == found)).one()
    if row.source == SYSTEM_SOURCE:
        raise InvalidInput(f"{row.id} is an event of the gateway itself, which no vendor signs")
    source = acting.session.scalars(select(Source).where(Source.slug == row.source)).one_or_none()
    masker = Masker(also, keep)
    body = _masked_body(masker, row.id, row.content_type, row.body)
    proofs = acting.installation.proof_headers
    headers = {
        name: masker.text(value)
        for name, value in forwarded_headers(row.headers, acting.installation.secret_headers)
        if name.lower() not in proofs and not is_secret_name(name) and name.lower() != "content-encoding"
    }
    captured = CapturedEvent(
        event=row.id,
        provider=row.provider,
        source=row.source,
        type=row.type,
        body=body,
        headers=headers,
        scheme=None if source is None else source.scheme,
        options={} if source is None else source.options,
    )
    return Capture(captured, masker.count)


def _masked_body(masker: Masker, event_id: str, content_type: str | None, kept: bytes) -> bytes:
    plain = inflated(kept)
    try:
        text = "" if plain is None else plain.decode()
    except UnicodeDecodeError:
        plain = None
    if plain is None:
        raise InvalidInput(f"the body of {event_id} is no text, and cannot be masked")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        if media_type_of(content_type or "") in FORM_TYPES:
            return _masked_form(masker, text)
        masker.document(None)
        return masker.text(text).encode()
    masked = masker.document(document)
    if not masker.count:
        return plain
    return json.dumps(masked, separators=(",", ":"), ensure_ascii=False).encode()


def _masked_form(masker: Masker, text: str) -> bytes:
    pairs = parse_qsl(text, keep_blank_values=True)
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    masked = masker.document(fields)
    return urlencode([(name, value) for name, values in masked.items() for value in values]).encode()
