"""That aiohttp connects to the address that was judged, and to no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from gateway.errors import AddressForbidden
from gateway.outgoing.guard_aiohttp import GuardedConnector
from gateway.outgoing.resolver import Resolver, StaticResolver
from gateway.security.ssrf import AddressPolicy

STRICT = AddressPolicy(allow_private=False)
LENIENT = AddressPolicy(allow_private=True)


async def get(url: str, resolver: Resolver, policy: AddressPolicy, times: int = 1, *, cache: bool = False) -> list[int]:
    connector = GuardedConnector(resolver, policy, use_dns_cache=cache, force_close=True)
    statuses = []
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(times):
            async with session.get(url) as response:
                statuses.append(response.status)
    return statuses


def answer(send: Callable[[bytes], object]) -> None:
    send(b"HTTP/1.1 204 No Content\r\n\r\n")


def test_it_connects_to_the_judged_address(serve: Callable[..., Any]) -> None:
    server = serve(answer)
    resolver = StaticResolver({"sink.example": [["127.0.0.1"]]})
    assert asyncio.run(get(f"http://sink.example:{server.port}/", resolver, LENIENT)) == [204]
    assert f"Host: sink.example:{server.port}".encode() in server.requests[0]


@pytest.mark.parametrize("cache", [False, True])
def test_it_does_not_connect_to_a_forbidden_address(serve: Callable[..., Any], cache: bool) -> None:
    server = serve(answer)
    resolver = StaticResolver({"sink.example": [["127.0.0.1"]]})
    with pytest.raises(AddressForbidden):
        asyncio.run(get(f"http://sink.example:{server.port}/", resolver, STRICT, cache=cache))
    assert server.requests == []


def test_a_literal_is_judged_too(serve: Callable[..., Any]) -> None:
    server = serve(answer)
    with pytest.raises(AddressForbidden):
        asyncio.run(get(f"http://127.0.0.1:{server.port}/", StaticResolver({}), STRICT))
    assert server.requests == []


def test_a_name_that_changes_its_address_is_judged_again(serve: Callable[..., Any]) -> None:
    server = serve(answer)
    resolver = StaticResolver({"sink.example": [["127.0.0.1"], ["169.254.169.254"]]})
    with pytest.raises(AddressForbidden):
        asyncio.run(get(f"http://sink.example:{server.port}/", resolver, LENIENT, times=2))
    assert len(server.requests) == 1
