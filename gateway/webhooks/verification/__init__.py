"""Verification of inbound requests: a pure function over bytes and headers that executes catalogue entries."""

from __future__ import annotations

from gateway.webhooks.verification.answers import SuccessAnswer, success_answer
from gateway.webhooks.verification.credentials import Credentials
from gateway.webhooks.verification.engine import judge, reading_of
from gateway.webhooks.verification.material import MaterialRequest, material_needed
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.request import InboundRequest
from gateway.webhooks.verification.verdict import BatchEvent, Handshake, Reason, SignedText, Verdict

__all__ = [
    "BatchEvent",
    "Credentials",
    "Handshake",
    "InboundRequest",
    "MaterialRequest",
    "Reading",
    "Reason",
    "SignedText",
    "SuccessAnswer",
    "Verdict",
    "judge",
    "material_needed",
    "reading_of",
    "success_answer",
]
