"""Names to addresses: the port, the machine's resolver, a fixed one, and the one that guards aiohttp.

What is allowed is decided in `ssrf`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.errors import AddressForbidden
from gateway.security.ssrf import AddressPolicy

LOOKUP_THREADS = 32


class Resolver(Protocol):
    """A resolver of host names."""

    async def resolve(self, host: str, port: int) -> list[str]:
        """The IP addresses of `host`, in the order to try them, without duplicates.

        `port` is what they are wanted for. Raises `OSError` (`socket.gaierror`) when the name does not resolve.
        """
        ...


class SystemResolver:
    """The machine's resolver: /etc/hosts, DNS, whatever the machine is set up with.

    Lookups run in threads of its own, started when first needed, so that a name server that does not answer holds up
    nothing else; `close` when done.
    """

    def __init__(self, threads: int = LOOKUP_THREADS) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    async def resolve(self, host: str, port: int) -> list[str]:
        found = await asyncio.get_running_loop().run_in_executor(self._executor, _lookup, host, port)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Let go of the threads; a lookup that is under way ends unheard."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class StaticResolver:
    """A resolver that knows a fixed table.

    `answers` maps a host to the addresses of its first, second, … lookup; the last answer stays. That is how a name
    whose address changes between two lookups is told.
    """

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._answers = {host: list(sequence) for host, sequence in answers.items()}

    async def resolve(self, host: str, port: int) -> list[str]:
        sequence = self._answers.get(host)
        if not sequence:
            raise socket.gaierror(socket.EAI_NONAME, "name not known")
        return list(sequence.pop(0) if len(sequence) > 1 else sequence[0])


class GuardedResolver(AbstractResolver):
    """What aiohttp asks for addresses: it is told only those that the policy allows, and connects to no others.

    So the address judged is the address connected to, however often the name changes. aiohttp does not ask a resolver
    about IP literals: pass every URL through `AddressPolicy.check_url` first, and never follow a redirect.
    """

    def __init__(self, resolver: Resolver, policy: AddressPolicy) -> None:
        self._resolver = resolver
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The allowed addresses of `host`. Raises `AddressForbidden` when it has others only, `OSError` when none."""
        addresses = await self._resolver.resolve(host, port)
        results = [
            _result(host, port, address)
            for address in addresses
            if self._policy.allows(address) and family in {socket.AF_UNSPEC, _family(address)}
        ]
        if results:
            return results
        for address in addresses:
            if not self._policy.allows(address):
                raise AddressForbidden(f"{host} resolves to {address}, which requests may not be sent to")
        raise socket.gaierror(socket.EAI_NODATA, "no address of the wanted family")

    async def close(self) -> None:
        """Nothing to release: the resolver belongs to whoever made it."""


def _lookup(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(sockaddr[0]) for _, _, _, _, sockaddr in found]


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
