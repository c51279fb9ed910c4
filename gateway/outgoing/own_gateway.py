"""Requests of the command line to this gateway itself, wherever its operator says that it listens.

Not past the SSRF guard: the address comes from nobody else. On the standard library, which is quick to load.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from gateway.errors import Hint, InvalidInput
from gateway.outgoing.caps import OWN_GATEWAY
from gateway.security.ssrf import parse_url


@dataclass(frozen=True, slots=True)
class Reply:
    """What the gateway said: a status with its phrase, and the body as text, cut off at the cap."""

    status: int
    phrase: str
    text: str


def call(base_url: str, method: str, path: str, *, headers: Mapping[str, str], body: bytes) -> Reply:
    """Send `body` to `path` (with its query) of the gateway at `base_url`, whose own path does not count.

    Raises `InvalidInput` when it cannot be called, `AddressForbidden` when `base_url` is no URL.
    """
    target = parse_url(base_url)
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    with closing(kind(target.host, target.port, timeout=OWN_GATEWAY.timeout_seconds)) as connection:
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            text = response.read(OWN_GATEWAY.max_bytes).decode("utf-8", "replace")
        except ConnectionRefusedError as error:
            raise InvalidInput(f"nothing answers at {base_url}", Hint("start_gateway")) from error
        except (OSError, http.client.HTTPException) as error:
            raise InvalidInput(f"{base_url} cannot be called: {error or type(error).__name__}") from error
    return Reply(response.status, response.reason, text)
