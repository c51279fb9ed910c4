"""How many connections each client has."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address


class ClientCounts:
    """At most so many connections for each client. Who is on this machine is not counted, nor who has no address."""

    def __init__(self, most: int | None) -> None:
        """`most` is None where peers are proxies, behind which the clients are not told apart."""
        self._most = most
        self._counts: Counter[str] = Counter()

    def enter(self, host: str | None) -> bool:
        """Count one more of `host`, a peer's address; False, and nothing is counted, when it has enough."""
        client = self._client(host)
        if client is None:
            return True
        if self._counts[client] >= (self._most or 0):
            return False
        self._counts[client] += 1
        return True

    def leave(self, host: str | None) -> None:
        """One less, of those that entered."""
        client = self._client(host)
        if client is not None:
            self._counts[client] -= 1
            if self._counts[client] <= 0:
                del self._counts[client]

    def _client(self, host: str | None) -> str | None:
        """Whom an address stands for: itself, or its network of 64 bits, which in IPv6 is one customer's."""
        if self._most is None or not host:
            return None
        try:
            address = ip_address(host)
        except ValueError:
            return None
        if address.version == 6:
            mapped = address.ipv4_mapped
            if mapped is None:
                return None if address.is_loopback else address.packed[:8].hex()
            address = mapped
        return None if address.is_loopback else str(address)
