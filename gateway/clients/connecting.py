"""Connections that an event loop makes to judged addresses: the address judged is the one connected to."""

from __future__ import annotations

import asyncio
import socket

from gateway.clients.errors import ConnectionFailed
from gateway.outgoing.resolver import LookupThreads
from gateway.security.ssrf import AddressPolicy


async def connected(url: str, policy: AddressPolicy, lookups: LookupThreads, connect_seconds: float) -> socket.socket:
    """A connection to the first address that answers, of those of the host of `url` that `policy` allows.

    Raises `ConnectionFailed`, `AddressForbidden`.
    """
    target = policy.check_url(url)
    try:
        found = [target.address] if target.address else await lookups.resolve(target.host)
    except (OSError, ValueError) as error:
        raise ConnectionFailed("the host's name does not resolve") from error
    addresses = policy.choose(target.host, found)
    failed: OSError | None = None
    for address in addresses:
        opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        opened.setblocking(False)
        try:
            # One that swallows everything leaves time for the next.
            async with asyncio.timeout(connect_seconds / len(addresses)):
                await asyncio.get_running_loop().sock_connect(opened, (address, target.port))
            return opened
        except OSError as error:
            opened.close()
            failed = error
        except BaseException:
            opened.close()
            raise
    if isinstance(failed, ConnectionRefusedError):
        raise ConnectionFailed("the connection was refused: nothing listens there") from failed
    raise ConnectionFailed("no connection could be made") from failed
