"""The id that every answer carries as `X-Request-Id`, and what was stored of its request carries too."""

from __future__ import annotations

import re

from gateway.security.identifiers import new_id

HEADER = "X-Request-Id"

_GIVEN = re.compile(r"[A-Za-z0-9._:-]{8,128}")


def request_id_of(given: str | None, *, trusted_proxies: int) -> str:
    """The id that a proxy gave, where there is one that is trusted; else a new one. `given` is the header's value."""
    if given and trusted_proxies and _GIVEN.fullmatch(given):
        return given
    return new_id("req")
