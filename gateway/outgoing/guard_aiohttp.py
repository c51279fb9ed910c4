"""The SSRF guard of aiohttp: a connector that opens connections to judged addresses only.

The address judged is the address connected to, however often a name changes: names are resolved once per connection,
by way of the policy, and every socket is judged again before it is opened. That holds for IP literals and for
redirects too. Proxies are the caller's to leave out (`trust_env=False`): what they connect to nobody judges.
"""

from __future__ import annotations

import socket
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.outgoing.resolver import LookupThreads, Resolver
from gateway.security.ssrf import AddressPolicy


class GuardedConnector(aiohttp.TCPConnector):
    """A connector for `aiohttp.ClientSession`; `options` are those of `TCPConnector`. Make it inside the loop.

    Requests raise `AddressForbidden` where the policy allows no address of the host. Pass URLs through
    `AddressPolicy.check_url` first: it knows more notations of addresses than aiohttp does.
    """

    def __init__(self, resolver: Resolver, policy: AddressPolicy, **options: Any) -> None:
        self._lookups = LookupThreads(resolver)

        def open_judged(address: tuple[Any, ...]) -> socket.socket:
            family, kind, protocol, _, target = address
            policy.check(target[0])
            return socket.socket(family, kind, protocol)

        super().__init__(resolver=_GuardedResolver(self._lookups, policy), socket_factory=open_judged, **options)

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close every connection, and let go of the lookups' threads."""
        await super().close(abort_ssl=abort_ssl)
        self._lookups.close()


class _GuardedResolver(AbstractResolver):
    """What aiohttp asks for addresses: it is told only those that the policy allows."""

    def __init__(self, lookups: LookupThreads, policy: AddressPolicy) -> None:
        self._lookups = lookups
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = self._policy.choose(host, await self._lookups.resolve(host))
        results = [
            _result(host, port, address) for address in addresses if family in {socket.AF_UNSPEC, _family(address)}
        ]
        if not results:
            raise socket.gaierror(socket.EAI_NODATA, "no address of the wanted family")
        return results

    async def close(self) -> None:
        """Nothing to release: the threads are the connector's."""


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _result(host: str, port: int, address: str) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=_family(address),
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
