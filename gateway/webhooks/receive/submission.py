"""From a verified request to what is handed to the journal: its events, and its proof where that counts once. Pure."""

from __future__ import annotations

from gateway.clock import MICROSECONDS
from gateway.delivery.routes.routing import RoutingSnapshot
from gateway.webhooks.arrival import Arrival
from gateway.webhooks.proofs.proof import division_of, proof_of
from gateway.webhooks.receive.entries import entries_of
from gateway.webhooks.receive.entry import Submission
from gateway.webhooks.sources.rows import SourceView
from gateway.webhooks.verification import Verdict


def submission_of(
    arrival: Arrival, source: SourceView, routing: RoutingSnapshot, verdict: Verdict, *, proof_seconds: float
) -> Submission:
    """What to store of an accepted request. `proof_seconds` is how long proofs without an end are remembered."""
    entries = entries_of(arrival, source, routing, verdict)
    remembering = source.remembered.get(verdict.scheme or "")
    if remembering is None or verdict.signed is None:
        return Submission(entries, arrival.began)
    events = [entry.event for entry in entries]
    if remembering.needs_keys and any(event.dedupe_key is None for event in events):
        return Submission(entries, arrival.began)
    seconds = proof_seconds if remembering.seconds is None else remembering.seconds
    expires_at_us = arrival.received_at_us + round(seconds * MICROSECONDS)
    if remembering.may_repeat:
        kept = arrival if verdict.has_body else arrival._replace(body=b"")
        proof = division_of(verdict.signed, events[0].id, kept, source.id, expires_at_us=expires_at_us)
        return Submission(entries, arrival.began, proof, may_repeat=True)
    body = arrival.body if verdict.has_body else b""
    return Submission(entries, arrival.began, proof_of(verdict.signed, events, body, expires_at_us=expires_at_us))
