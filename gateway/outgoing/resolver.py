"""Names to addresses: the port, the machine's resolver, a fixed one, and threads for loops that must not wait.

Which addresses may be connected to is decided in `security.ssrf`; the guards see to it that no others are.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from gateway.outgoing.caps import LOOKUP_THREADS


class Resolver(Protocol):
    """A resolver of host names. Blocks; safe to call from any thread."""

    def resolve(self, host: str) -> list[str]:
        """The IP addresses of `host` (a name, or an address of any notation), in the order to try them, each once.

        Raises `OSError` (`socket.gaierror`) when the name does not resolve, `ValueError` when it can be no name.
        """
        ...


class SystemResolver:
    """The machine's resolver: /etc/hosts, DNS, whatever the machine is set up with."""

    def resolve(self, host: str) -> list[str]:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        return list(dict.fromkeys(str(sockaddr[0]) for _, _, _, _, sockaddr in found))


class StaticResolver:
    """A resolver that knows a fixed table.

    `answers` maps a host to the addresses of its first, second, … lookup; the last answer stays. That is how a name
    whose address changes between two lookups is told.
    """

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._answers = {host: list(sequence) for host, sequence in answers.items()}

    def resolve(self, host: str) -> list[str]:
        sequence = self._answers.get(host)
        if not sequence:
            raise socket.gaierror(socket.EAI_NONAME, "name not known")
        return list(sequence.pop(0) if len(sequence) > 1 else sequence[0])


class LookupThreads:
    """A resolver's lookups for an event loop, in threads of their own.

    They start when first needed; so a name server that does not answer holds up nothing else. `close` when done.
    """

    def __init__(self, resolver: Resolver, threads: int = LOOKUP_THREADS) -> None:
        self._resolver = resolver
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    async def resolve(self, host: str) -> list[str]:
        """As the resolver does, without holding up the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._resolver.resolve, host)

    def close(self) -> None:
        """Let go of the threads; a lookup that is under way ends unheard."""
        self._executor.shutdown(wait=False, cancel_futures=True)
