"""Segment, batched: HMAC-SHA1 over the JSON text of the array's first element, exactly as it stands in the body.

The other elements are not authenticated, and are left out unless the source wants them all the same.
Source: Segment's docs, "Webhooks (Actions)".
"""

from __future__ import annotations

import binascii
import hmac

from gateway.content.jsontext import first_element
from gateway.providers.webhook.model import Scheme
from gateway.webhooks.verification.keys import secrets_of
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import malformed, mismatch, missing
from gateway.webhooks.verification.values import to_bytes
from gateway.webhooks.verification.verify import Verify


def segment_batch(scheme: Scheme) -> Verify:
    """The signature stands in the header X-Signature, hex."""
    secrets = secrets_of(scheme.key)

    def verify(reading: Reading) -> None:
        text = reading.header("x-signature")
        if not text:
            raise missing("header:X-Signature is absent or empty")
        try:
            signature = binascii.unhexlify(text)
        except ValueError as error:
            raise malformed("header:X-Signature is not hex") from error
        reading.check_size("json")
        body = reading.body.decode("utf-8", "replace")
        first = first_element(body)
        if first is None:
            raise malformed("the body is not a JSON array with elements")
        message = to_bytes(first.text)
        for secret in secrets(reading.credentials):
            if hmac.compare_digest(hmac.digest(secret, message, "sha1"), signature):
                reading.secret, reading.signed = secret, (message,)
                if reading.credentials.options.get("unsigned_elements") != "keep":
                    reading.first = first
                    reading.leaves_out = body.strip("\ufeff \t\r\n")[1:-1].strip(" \t\r\n") != first.text
                return
        raise mismatch("no current secret of the source makes this signature for the first element")

    return verify
