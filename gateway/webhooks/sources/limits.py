"""Limits on who may call a source and how often. In memory: a rate holds per web process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gateway.errors import InvalidInput

WINDOW_SECONDS = 10


class AddressAllowlist:
    """Networks in CIDR form; an empty list allows everyone."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = tuple(parse_network(text) for text in networks)

    def allows(self, address: str) -> bool:
        """Whether `address` lies in one of the networks. An address that cannot be read is refused."""
        if not self._networks:
            return True
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._networks)


class RequestRate:
    """At most `per_second` requests on average over ten seconds, for each key by itself."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def wait_seconds(self, key: str, per_second: float) -> int | None:
        """None when this request may pass (it is counted), else how many seconds the caller should wait."""
        item = RateLimitItemPerSecond(max(1, round(per_second * WINDOW_SECONDS)), WINDOW_SECONDS)
        if self._limiter.hit(item, key):
            return None
        return min(WINDOW_SECONDS, math.ceil(1 / per_second))


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """`203.0.113.0/24` or a single address. Raises `InvalidInput`."""
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not an IP address or network such as 203.0.113.0/24") from error
