"""HMACs and keyed digests: the families `hmac` and `digest`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from gateway.providers.webhook.model import Scheme
from gateway.webhooks.verification.keys import secrets_of
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import malformed, mismatch
from gateway.webhooks.verification.signatures import candidates_of
from gateway.webhooks.verification.signed import closing_of, opening_of, signed_messages
from gateway.webhooks.verification.verify import Verify, signature_of

SIZES = {"sha1": 20, "sha256": 32, "sha512": 64}


def verify_hash(scheme: Scheme) -> Verify:
    """Compare the request's signatures with those that the current secrets make, in constant time."""
    candidates, messages, secrets = candidates_of(signature_of(scheme)), signed_messages(scheme), secrets_of(scheme.key)
    opening, closing = opening_of(scheme), closing_of(scheme)
    size, compute = SIZES[scheme.hash], _computation(scheme)

    def verify(reading: Reading) -> None:
        given = candidates(reading)
        for candidate in given:
            if len(candidate) == size:
                break
        else:
            raise malformed(f"the signature does not have the {size} bytes of {scheme.hash}")
        signed_at = opening(reading)
        for secret in secrets(reading.credentials):
            reading.secret = secret
            for message in messages(reading):
                expected = compute(secret, message)
                for candidate in given:
                    if hmac.compare_digest(expected, candidate):
                        reading.signed = (message,)
                        closing(reading, signed_at)
                        return
        raise mismatch("no current secret of the source makes this signature for these bytes")

    return verify


def _computation(scheme: Scheme) -> Callable[[bytes, bytes], bytes]:
    name = scheme.hash
    if scheme.family == "hmac":
        return lambda secret, message: hmac.digest(secret, message, name)
    return lambda secret, message: hashlib.new(name, message, usedforsecurity=False).digest()
