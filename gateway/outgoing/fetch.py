"""One guarded GET of a small document whose URL came from outside: certificates, subscription confirmations.

Deliveries to destinations are sent elsewhere. On aiohttp and not on requests, because only its deadline covers the
whole exchange: name, connection, TLS, and bytes that drip in one by one.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from gateway.errors import GatewayError
from gateway.outgoing.guard_aiohttp import GuardedConnector
from gateway.outgoing.resolver import Resolver
from gateway.security.ssrf import AddressPolicy

CHUNK_BYTES = 16 * 1024


class FetchFailed(GatewayError):
    """The document could not be fetched: no connection, no valid certificate, too slow, or too large."""

    code = "fetch_failed"
    http_status = 502
    retryable = True


@dataclass(frozen=True, slots=True)
class FetchedResponse:
    """An answer, whatever its status. Names of `headers` are lower-case; `body` is as sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def guarded_get(
    url: str,
    *,
    policy: AddressPolicy,
    resolver: Resolver,
    timeout_seconds: float,
    max_bytes: int,
    ssl_context: ssl.SSLContext | None = None,
) -> FetchedResponse:
    """`fetch`, for threads without an event loop; the same arguments and errors."""
    return asyncio.run(
        fetch(
            url,
            policy=policy,
            resolver=resolver,
            timeout_seconds=timeout_seconds,
            max_bytes=max_bytes,
            ssl_context=ssl_context,
        )
    )


async def fetch(
    url: str,
    *,
    policy: AddressPolicy,
    resolver: Resolver,
    timeout_seconds: float,
    max_bytes: int,
    ssl_context: ssl.SSLContext | None = None,
) -> FetchedResponse:
    """GET `url` from an address that `policy` allows, within `timeout_seconds` in all.

    Redirects are not followed: their answer is returned. Proxies of the environment are not used: they would connect
    to addresses that nobody judged. `ssl_context` replaces the machine's trust. Raises `AddressForbidden`, and
    `FetchFailed` when there is no whole answer of at most `max_bytes` in time.
    """
    policy.check_url(url)
    try:
        async with (
            GuardedConnector(resolver, policy, use_dns_cache=False, force_close=True) as connector,
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=timeout_seconds),
                auto_decompress=False,
                trust_env=False,
            ) as session,
            session.get(
                url, allow_redirects=False, ssl=ssl_context or True, headers={"Accept-Encoding": "identity"}
            ) as response,
        ):
            body = await _read(response, max_bytes)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return FetchedResponse(status=response.status, headers=headers, body=body)
    except TimeoutError as fault:
        raise FetchFailed(f"no whole answer within {timeout_seconds:g} seconds") from fault
    except aiohttp.ClientError as fault:
        # The type alone: messages of the library quote the URL, which may hold a token.
        raise FetchFailed(f"the request failed: {type(fault).__name__}") from fault


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise FetchFailed(f"the answer is larger than {max_bytes} bytes")
    return bytes(body)
