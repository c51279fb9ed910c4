"""The proof of a request as it is accepted: digests of what was signed, and of what it is accepted for. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from gateway.events.append import EventRow
from gateway.webhooks.proofs.accept import ProofRow
from gateway.webhooks.verification import SignedText

DIGEST_BYTES = 16


def proof_of(signed: SignedText, events: Sequence[EventRow], body: bytes, *, expires_at_us: int) -> ProofRow:
    """The proof under which `events`, at least one and all of one request, are accepted. `body` is the request's, as it
    came.
    """
    first = events[0]
    return ProofRow(signed.digest(first.source_id, DIGEST_BYTES), _digest(events, body), first.id, expires_at_us)


def _digest(events: Sequence[EventRow], body: bytes) -> bytes:
    """Equal for what is the same to the journal: dedupe keys, and where there are none types and the body."""
    found = hashlib.sha256()
    for event in events:
        name, text = ("type", event.type or "") if event.dedupe_key is None else ("key", event.dedupe_key)
        found.update(f"{name}:{len(text)}:{text}".encode())
    if any(event.dedupe_key is None for event in events):
        # The stored one may be sealed, each time in another way.
        found.update(body)
    return found.digest()[:DIGEST_BYTES]
