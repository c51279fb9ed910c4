"""The proof of a request as it is accepted: digests of what was signed, and of what it is accepted for. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from gateway.content.forms import parse_form
from gateway.events.append import EventRow
from gateway.webhooks.arrival import Arrival
from gateway.webhooks.proofs.accept import ProofRow
from gateway.webhooks.verification import SignedText

DIGEST_BYTES = 16


def proof_of(signed: SignedText, events: Sequence[EventRow], body: bytes, *, expires_at_us: int) -> ProofRow:
    """The proof under which `events`, at least one and all of one request, are accepted. `body` is the request's, as it
    came.
    """
    first = events[0]
    return ProofRow(signed.digest(first.source_id, DIGEST_BYTES), _digest(events, body), first.id, expires_at_us)


def division_of(signed: SignedText, event_id: str, arrival: Arrival, source_id: str, *, expires_at_us: int) -> ProofRow:
    """The proof of a text that runs URL, names and values together, for the way in which `arrival` divides it."""
    fields = parse_form(arrival.header("content-type") or "", arrival.body) or {}
    _scheme, _, address = arrival.url.partition("://")
    found = hashlib.sha256(_counted(address.partition("/")[2]))
    for name in sorted(fields):
        for value in sorted(fields[name]):
            found.update(_counted(name) + _counted(value))
    return ProofRow(signed.digest(source_id, DIGEST_BYTES), found.digest()[:DIGEST_BYTES], event_id, expires_at_us)


def _counted(text: str) -> bytes:
    encoded = text.encode("utf-8", "surrogatepass")
    return b"%d:%b" % (len(encoded), encoded)


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
