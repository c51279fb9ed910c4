"""Standard Webhooks signatures of what the gateway sends (standardwebhooks.com, symmetric scheme v1). Pure.

Agrees with the `standardwebhooks` library; written out because that one decodes the secret and builds a date for
every message.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from functools import lru_cache

SECRET_PREFIX = "whsec_"  # noqa: S105 (a prefix, no secret)


def sign(secrets: Iterable[str], *, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one `v1,…` per secret, separated by spaces; empty without secrets.

    `timestamp` is in seconds since the epoch. Raises `ValueError` for a secret that is not base64.
    """
    signed = b"%b.%d.%b" % (message_id.encode("ascii"), timestamp, body)
    return " ".join(
        "v1," + binascii.b2a_base64(hmac.digest(_key(secret), signed, "sha256"), newline=False).decode("ascii")
        for secret in secrets
    )


@lru_cache(maxsize=4096)
def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise ValueError("a signing secret is not base64 after whsec_") from None
    if not key:
        raise ValueError("a signing secret is empty")
    return key
