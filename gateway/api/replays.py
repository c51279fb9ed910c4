"""Requests that are sent twice: the header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07)."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Request

from gateway.api.authentication import Caller
from gateway.api.problems import Refused
from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.tenants.idempotency.requests import Answer, Answered, Claim, Differs, InFlight, Mark, claim, mark_of

HEADER = "Idempotency-Key"

# A structured field's string (RFC 9651, 3.3.3), or the same bare, as most clients send it.
_KEY = re.compile(r'"(?P<quoted>(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"|(?P<bare>[\x21\x23-\x7e]{1,255})')


def plain_key(key: str) -> str:
    """The key in a header's value. Raises `InvalidInput` where that is malformed."""
    found = _KEY.fullmatch(key.strip())
    if found is None:
        message = "a key is 1 to 255 visible ASCII characters, in double quotes or bare"
        raise InvalidInput.at(HEADER, "malformed", message)
    return found["bare"] or re.sub(r"\\(.)", r"\1", found["quoted"])


def mark(request: Request, key: str, caller: Caller, document: Any) -> Mark:
    """The mark of `request`, with what it asks for."""
    # As a value, so that another order or spacing is the same request.
    body = json.dumps(document, sort_keys=True).encode()
    asked = (request.method.encode(), request.full_path.encode("utf-8", "surrogatepass"), body)
    return mark_of(tenant_id=caller.tenant.id, sender=caller.key.id, key=key, asked=asked)


def claim_or_answer(installation: Installation, wanted: Mark) -> Claim | Answer:
    """The right to carry the request out, or what it was answered. Raises `Refused`, `StorageUnavailable`."""
    installation.claim_keys()
    found = claim(installation.database, installation.keyring, wanted, now_us=installation.clock.now_us())
    match found:
        case Claim():
            return found
        case Answered(answer=Answer() as answer):
            return answer
        case Answered():
            raise Refused("answer_lost", "this request was carried out; its answer cannot be opened any more")
        case InFlight(seconds=seconds):
            raise in_flight(seconds)
        case Differs():
            detail = "this Idempotency-Key was given to another request: take a new one for each"
            raise Refused("idempotency_key_reused", detail)


def in_flight(seconds: int) -> Refused:
    """Somebody else carries it out."""
    headers = [("Retry-After", str(seconds))]
    return Refused("request_in_flight", "a request with this Idempotency-Key is being carried out", headers=headers)
