"""Contentful: HMAC-SHA256 over a canonical request of method, path, the listed headers and the body.

The sender lists the headers it signed; the time and the list itself must be among them, or a captured signature
could be dressed anew. Source: @contentful/node-apps-toolkit, `verifyRequest`, whose age limit is 30 s.
"""

from __future__ import annotations

import binascii
import hmac
from urllib.parse import quote

from gateway.providers.webhook.model import Scheme
from gateway.webhooks.verification.keys import secrets_of
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import Rejected, malformed, mismatch, missing
from gateway.webhooks.verification.timestamps import check_age, parse
from gateway.webhooks.verification.values import header_bytes, to_bytes
from gateway.webhooks.verification.verdict import Reason
from gateway.webhooks.verification.verify import Verify

SIGNATURE = "x-contentful-signature"
SIGNED_HEADERS = "x-contentful-signed-headers"
TIMESTAMP = "x-contentful-timestamp"
TOLERANCE_SECONDS = 30.0
MAX_SIGNED_HEADERS = 64

# What JavaScript's encodeURI leaves as it is, and the percent sign of what is encoded already.
_URI_CHARACTERS = ";,/?:@&=+$-_.!~*'()#%"


def contentful(scheme: Scheme) -> Verify:
    """The signature stands in the header x-contentful-signature, hex; the time in milliseconds."""
    secrets = secrets_of(scheme.key)

    def verify(reading: Reading) -> None:
        text = reading.header(SIGNATURE)
        if not text:
            raise missing(f"header:{SIGNATURE} is absent or empty")
        try:
            signature = binascii.unhexlify(text)
        except ValueError as error:
            raise malformed(f"header:{SIGNATURE} is not hex") from error
        names = _signed_headers(reading)
        signed_at = _signed_at(reading)
        message = _canonical(reading, names)
        for secret in secrets(reading.credentials):
            if hmac.compare_digest(hmac.digest(secret, message, "sha256"), signature):
                reading.secret, reading.signed = secret, (message,)
                check_age(signed_at, reading.now, TOLERANCE_SECONDS)
                return
        raise mismatch("no current secret of the source makes this signature for these bytes")

    return verify


def _signed_headers(reading: Reading) -> list[str]:
    listed = reading.header(SIGNED_HEADERS)
    if not listed:
        raise missing(f"header:{SIGNED_HEADERS} is absent or empty")
    names = [name.strip().lower() for name in listed.split(",")]
    if len(names) > MAX_SIGNED_HEADERS or not {SIGNED_HEADERS, TIMESTAMP} <= set(names):
        raise malformed(f"header:{SIGNED_HEADERS} does not list the time and itself, or lists too many")
    return names


def _signed_at(reading: Reading) -> float:
    text = reading.header(TIMESTAMP)
    if not text:
        raise Rejected(Reason.TIMESTAMP_MISSING, f"header:{TIMESTAMP} is absent or empty")
    seconds = parse(text, "milliseconds")
    if seconds is None:
        raise malformed(f"header:{TIMESTAMP} is not a time in the form milliseconds")
    return seconds


def _canonical(reading: Reading, names: list[str]) -> bytes:
    parts = reading.split()
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    headers = []
    for name in names:
        value = reading.header(name)
        if value is None:
            raise missing("a header is absent that the signature covers")
        headers.append(to_bytes(f"{name}:") + header_bytes(value.strip(" \t")))
    encoded = quote(to_bytes(path), safe=_URI_CHARACTERS).encode()
    return b"\n".join((to_bytes(reading.request.method.upper()), encoded, b";".join(headers), reading.body))
