"""Resolvers, and that aiohttp connects to the address that was judged and to no other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from gateway.errors import AddressForbidden
from gateway.security.resolver import GuardedResolver, Resolver, StaticResolver, SystemResolver
from gateway.security.ssrf import AddressPolicy

STRICT = AddressPolicy(allow_private=False)
LENIENT = AddressPolicy(allow_private=True)


def resolve(resolver: Resolver, host: str) -> list[str]:
    return asyncio.run(resolver.resolve(host, 443))


def guarded(addresses: list[str], *, policy: AddressPolicy, family: socket.AddressFamily) -> list[str]:
    resolver = GuardedResolver(StaticResolver({"h": [addresses]}), policy)
    return [result["host"] for result in asyncio.run(resolver.resolve("h", 80, family))]


def test_the_system_resolver_knows_this_machine() -> None:
    resolver = SystemResolver()
    try:
        assert set(resolve(resolver, "localhost")) <= {"127.0.0.1", "::1"}
        assert resolve(resolver, "127.0.0.1") == ["127.0.0.1"]
    finally:
        resolver.close()


def test_the_system_resolver_says_when_a_name_is_unknown() -> None:
    resolver = SystemResolver()
    try:
        with pytest.raises(OSError, match=r".+"):
            resolve(resolver, "nothing.invalid")
    finally:
        resolver.close()


def test_the_static_resolver_answers_in_turn_and_stays_at_the_last() -> None:
    resolver = StaticResolver({"h": [["8.8.8.8"], ["127.0.0.1"]]})
    assert [resolve(resolver, "h") for _ in range(3)] == [["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"]]
    with pytest.raises(socket.gaierror):
        resolve(resolver, "other")


def test_only_allowed_addresses_come_through() -> None:
    mixed = ["10.0.0.1", "8.8.8.8", "169.254.169.254", "2606:4700::1111"]
    assert guarded(mixed, policy=STRICT, family=socket.AF_UNSPEC) == ["8.8.8.8", "2606:4700::1111"]
    assert guarded(mixed, policy=STRICT, family=socket.AF_INET6) == ["2606:4700::1111"]
    assert guarded(mixed, policy=LENIENT, family=socket.AF_INET) == ["10.0.0.1", "8.8.8.8"]


def test_a_name_with_forbidden_addresses_only_is_forbidden() -> None:
    with pytest.raises(AddressForbidden, match=r"h resolves to 169\.254\.169\.254"):
        guarded(["169.254.169.254"], policy=LENIENT, family=socket.AF_UNSPEC)


def test_a_name_without_an_address_of_the_family_does_not_resolve() -> None:
    with pytest.raises(socket.gaierror):
        guarded(["8.8.8.8"], policy=STRICT, family=socket.AF_INET6)


async def get(url: str, resolver: Resolver, policy: AddressPolicy, times: int = 1, *, cache: bool = False) -> list[int]:
    connector = aiohttp.TCPConnector(resolver=GuardedResolver(resolver, policy), use_dns_cache=cache, force_close=True)
    statuses = []
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(times):
            async with session.get(url) as response:
                statuses.append(response.status)
    return statuses


def answer(send: Callable[[bytes], object]) -> None:
    send(b"HTTP/1.1 204 No Content\r\n\r\n")


def test_aiohttp_connects_to_the_judged_address(serve: Callable[..., Any]) -> None:
    server = serve(answer)
    resolver = StaticResolver({"sink.example": [["127.0.0.1"]]})
    assert asyncio.run(get(f"http://sink.example:{server.port}/", resolver, LENIENT)) == [204]
    assert f"Host: sink.example:{server.port}".encode() in server.requests[0]


@pytest.mark.parametrize("cache", [False, True])
def test_aiohttp_does_not_connect_to_a_forbidden_address(serve: Callable[..., Any], cache: bool) -> None:
    server = serve(answer)
    resolver = StaticResolver({"sink.example": [["127.0.0.1"]]})
    with pytest.raises(AddressForbidden):
        asyncio.run(get(f"http://sink.example:{server.port}/", resolver, STRICT, cache=cache))
    assert server.requests == []


def test_a_name_that_changes_its_address_is_judged_again(serve: Callable[..., Any]) -> None:
    server = serve(answer)
    resolver = StaticResolver({"sink.example": [["127.0.0.1"], ["169.254.169.254"]]})
    with pytest.raises(AddressForbidden):
        asyncio.run(get(f"http://sink.example:{server.port}/", resolver, LENIENT, times=2))
    assert len(server.requests) == 1
