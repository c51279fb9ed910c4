"""What a fetch gives back, and how it fails: for whoever takes a fetch as an argument. Loads no HTTP library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.errors import GatewayError


class FetchFailed(GatewayError):
    """There was no whole answer: no connection, no valid certificate, too slow, or too large."""

    code = "fetch_failed"
    http_status = 502
    retryable = True


@dataclass(frozen=True, slots=True)
class FetchedResponse:
    """An answer, whatever its status. Names of `headers` are lower-case; `body` is as sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Fetch = Callable[[str], FetchedResponse]
"""A guarded GET of a URL. Raises `FetchFailed` and `AddressForbidden`."""
