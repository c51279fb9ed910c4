"""Who may call a source: networks that its requests must come from."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from gateway.errors import InvalidInput


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


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """`203.0.113.0/24` or a single address. Raises `InvalidInput`."""
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not an IP address or network such as 203.0.113.0/24") from error
