"""Paddle Classic: RSA-SHA1 over PHP's serialize() of all form fields but the signature, sorted, all as text.

Source: Paddle Classic, "Verifying webhooks".
"""

from __future__ import annotations

import binascii

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1

from gateway.providers.webhook.model import Scheme
from gateway.webhooks.verification.keys import PublicKey, public_keys_of
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import malformed, mismatch, missing
from gateway.webhooks.verification.values import to_bytes
from gateway.webhooks.verification.verify import Verify

FIELD = "p_signature"


def paddle_classic(scheme: Scheme) -> Verify:
    """The signature stands in the form field p_signature, base64."""
    keys = public_keys_of(scheme.key)

    def verify(reading: Reading) -> None:
        text = reading.form(FIELD)
        if not text:
            raise missing(f"form:{FIELD} is absent or empty")
        try:
            signature = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
        except ValueError as error:
            raise malformed(f"form:{FIELD} is not base64") from error
        message = _serialized(reading)
        if not any(_fits(key, signature, message) for key in keys(reading.credentials)):
            raise mismatch("no current public key of the source fits this signature and these fields")
        reading.signed = (message,)

    return verify


def _serialized(reading: Reading) -> bytes:
    """PHP's serialize() of an array of strings; lengths count bytes."""
    fields = {}
    for name in sorted(reading.signed_fields()):
        if name != FIELD:
            fields[name] = reading.form(name) or ""
    parts = b"".join(_string(name) + _string(value) for name, value in fields.items())
    return b"a:%d:{%s}" % (len(fields), parts)


def _string(text: str) -> bytes:
    data = to_bytes(text)
    return b's:%d:"%s";' % (len(data), data)


def _fits(key: PublicKey, signature: bytes, message: bytes) -> bool:
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(signature, message, PKCS1v15(), SHA1())  # noqa: S303 (what Paddle signs with)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
