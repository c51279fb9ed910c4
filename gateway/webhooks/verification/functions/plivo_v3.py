"""Plivo, version 3: HMAC-SHA256 over the URL with its query sorted, the sorted form fields, and a nonce.

Source: plivo-python, `validate_v3_signature`. Which separators stand in the signed text depends on what is present.
"""

from __future__ import annotations

import binascii
import hmac

from gateway.content.forms import Fields, parse_query
from gateway.providers.webhook.model import Scheme
from gateway.webhooks.verification.keys import secrets_of
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import malformed, mismatch, missing
from gateway.webhooks.verification.values import header_bytes, to_bytes
from gateway.webhooks.verification.verify import Verify

MAX_SIGNATURES = 16


def plivo_v3(scheme: Scheme) -> Verify:
    """Any of the comma-separated signatures may be made with any current secret."""
    secrets = secrets_of(scheme.key)

    def verify(reading: Reading) -> None:
        given, nonce = reading.header("x-plivo-signature-v3"), reading.header("x-plivo-signature-v3-nonce")
        if not given or not nonce:
            raise missing("header:X-Plivo-Signature-V3 or its nonce is absent or empty")
        signatures = _decode(given.split(","))
        message = signed_text(reading) + b"." + header_bytes(nonce)
        for secret in secrets(reading.credentials):
            expected = hmac.digest(secret, message, "sha256")
            if any(hmac.compare_digest(expected, signature) for signature in signatures):
                reading.secret, reading.signed = secret, (message,)
                return
        raise mismatch("no current secret of the source makes this signature for these bytes")

    return verify


def signed_text(reading: Reading) -> bytes:
    """The URL part of what is signed, without the nonce."""
    parts = reading.split()
    base = f"{parts.scheme}://{parts.netloc}{parts.path}"
    query = parse_query(parts.query)
    if query is None:
        raise malformed("the query has too many fields")
    form = reading.signed_fields() if reading.request.method.upper() == "POST" else {}
    text = base
    if query or form:
        text += "?" + "&".join(f"{name}={value}" for name, value in _sorted_pairs(query))
    if query and form:
        text += "."
    return to_bytes(text + "".join(f"{name}{value}" for name, value in _sorted_pairs(form)))


def _sorted_pairs(fields: Fields) -> list[tuple[str, str]]:
    return [(name, value) for name in sorted(fields) for value in sorted(fields[name])]


def _decode(texts: list[str]) -> list[bytes]:
    decoded = []
    for text in texts[:MAX_SIGNATURES]:
        try:
            decoded.append(binascii.a2b_base64(text.strip(" \t").encode("ascii"), strict_mode=True))
        except ValueError:
            continue
    if not decoded:
        raise malformed("header:X-Plivo-Signature-V3 is not base64")
    return decoded
