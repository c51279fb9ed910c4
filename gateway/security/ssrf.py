"""The SSRF guard's decisions: which addresses and URLs an outgoing request may be aimed at. Pure: no DNS, no socket.

Addresses are judged by the IANA special-purpose registries (RFC 6890 and its updates) and the clouds' metadata
addresses. Making sure that the address judged is the address connected to is the guards' part, in `gateway.outgoing`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from gateway.errors import AddressForbidden

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Reach(Enum):
    """How far an address reaches."""

    PUBLIC = "public"  # routable on the internet
    PRIVATE = "private"  # this machine or this organisation's network
    FORBIDDEN = "forbidden"  # never the target of a request: metadata services, multicast, reserved ranges


# The first match decides.
SPECIAL: Final[tuple[tuple[str, Reach, str], ...]] = (
    # Metadata services that do not hide behind a link-local address; the others are in 169.254.0.0/16.
    ("100.100.100.200/32", Reach.FORBIDDEN, "a cloud's metadata service"),
    ("168.63.129.16/32", Reach.FORBIDDEN, "a cloud's metadata service"),
    ("fd00:ec2::/64", Reach.FORBIDDEN, "a cloud's metadata service"),
    ("fd20:ce::254/128", Reach.FORBIDDEN, "a cloud's metadata service"),
    ("0.0.0.0/8", Reach.FORBIDDEN, "unspecified"),
    ("10.0.0.0/8", Reach.PRIVATE, "private"),
    ("100.64.0.0/10", Reach.PRIVATE, "shared address space (carrier NAT)"),
    ("127.0.0.0/8", Reach.PRIVATE, "loopback"),
    ("169.254.0.0/16", Reach.FORBIDDEN, "link-local (metadata services)"),
    ("172.16.0.0/12", Reach.PRIVATE, "private"),
    ("192.0.0.0/24", Reach.FORBIDDEN, "reserved for protocols"),
    ("192.0.2.0/24", Reach.FORBIDDEN, "for documentation"),
    ("192.88.99.0/24", Reach.FORBIDDEN, "6to4 relays"),
    ("192.168.0.0/16", Reach.PRIVATE, "private"),
    ("198.18.0.0/15", Reach.FORBIDDEN, "for benchmarks"),
    ("198.51.100.0/24", Reach.FORBIDDEN, "for documentation"),
    ("203.0.113.0/24", Reach.FORBIDDEN, "for documentation"),
    ("224.0.0.0/4", Reach.FORBIDDEN, "multicast"),
    ("240.0.0.0/4", Reach.FORBIDDEN, "reserved or broadcast"),
    ("::/128", Reach.FORBIDDEN, "unspecified"),
    ("::1/128", Reach.PRIVATE, "loopback"),
    ("fc00::/7", Reach.PRIVATE, "private (unique local)"),
    ("fe80::/10", Reach.FORBIDDEN, "link-local"),
    ("fec0::/10", Reach.FORBIDDEN, "site-local"),
    ("ff00::/8", Reach.FORBIDDEN, "multicast"),
    ("2001::/32", Reach.FORBIDDEN, "Teredo, which hides an IPv4 address"),
    ("2001::/23", Reach.FORBIDDEN, "reserved for protocols"),
    ("2001:db8::/32", Reach.FORBIDDEN, "for documentation"),
    ("2002::/16", Reach.FORBIDDEN, "6to4, which hides an IPv4 address"),
    ("3fff::/20", Reach.FORBIDDEN, "for documentation"),
    ("0.0.0.0/0", Reach.PUBLIC, "public"),
    ("2000::/3", Reach.PUBLIC, "public"),
    ("::/0", Reach.FORBIDDEN, "outside the global unicast range"),
)
_SPECIAL: Final[tuple[tuple[Network, Reach, str], ...]] = tuple(
    (ipaddress.ip_network(network), reach, name) for network, reach, name in SPECIAL
)
# Addresses that stand for the IPv4 address in their last 32 bits, and are judged as that one: mapped ones
# (RFC 4291, 2.5.5.2), and NAT64 (RFC 6052), through which IPv6-only networks reach every IPv4 host.
_STAND_INS: Final = (ipaddress.ip_network("::ffff:0:0/96"), ipaddress.ip_network("64:ff9b::/96"))

_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
_BEGINNING = re.compile(r"[^:/?#]*://[^/?#]*")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")


@dataclass(frozen=True, slots=True)
class UrlTarget:
    """Where a URL points. `host` is lower-case; `address` is set when the host is an IP literal of any notation."""

    scheme: str
    host: str
    port: int
    address: str | None


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which addresses may be connected to: public ones, and with `allow_private` private ones and loopback too."""

    allow_private: bool

    def check(self, address: str) -> None:
        """Raise `AddressForbidden` unless the IP address `address` may be connected to."""
        reach, name = _judge(address)
        if reach is Reach.PUBLIC or (reach is Reach.PRIVATE and self.allow_private):
            return
        hint = "; GATEWAY_ALLOW_PRIVATE_DESTINATIONS=true would allow it" if reach is Reach.PRIVATE else ""
        raise AddressForbidden(f"{address} is forbidden: {name}{hint}")

    def allows(self, address: str) -> bool:
        """Whether the IP address `address` may be connected to."""
        reach, _ = _judge(address)
        return reach is Reach.PUBLIC or (reach is Reach.PRIVATE and self.allow_private)

    def choose(self, host: str, addresses: Sequence[str]) -> list[str]:
        """Those of `addresses`, which `host` resolves to, that may be connected to, in the same order.

        Raises `AddressForbidden` when it has others only.
        """
        allowed = [address for address in addresses if self.allows(address)]
        if addresses and not allowed:
            raise AddressForbidden(f"{host} resolves to {addresses[0]}, which requests may not be sent to")
        return allowed

    def check_url(self, url: str) -> UrlTarget:
        """Where `url` points, if a request may be sent there as far as the URL tells.

        The addresses of a name are still to be judged, by `choose`; an IP literal is judged here, in every notation
        that C libraries understand (`2130706433`, `0x7f.1`, `0177.0.0.1`). Raises `AddressForbidden`.
        """
        target = parse_url(url)
        if target.address is not None:
            self.check(target.address)
        return target


def parse_url(url: str) -> UrlTarget:
    """The parts of an absolute http or https URL that has a host and no credentials.

    Stricter than the URL standards where parsers disagree (control characters, backslashes, non-ASCII hosts): what is
    checked here must be what the HTTP library connects to. Raises `AddressForbidden`; the message never quotes the
    URL, which may hold secrets.
    """
    if not _VISIBLE_ASCII.fullmatch(url) or "\\" in url:
        raise AddressForbidden("the URL has characters that a URL must not have; write them percent-encoded")
    # What follows the authority (RFC 3986, 3.2) leads nowhere else, and differs from request to request.
    beginning = _BEGINNING.match(url)
    return _parse_beginning(beginning[0] if beginning is not None else url)


@lru_cache(maxsize=1024)
def _parse_beginning(url: str) -> UrlTarget:
    """`parse_url` for scheme and authority."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as fault:
        raise AddressForbidden("the URL has a malformed host or port") from fault
    if parts.scheme not in DEFAULT_PORTS:
        raise AddressForbidden("the URL must start with http:// or https://")
    if "@" in parts.netloc:
        raise AddressForbidden("the URL must not hold credentials; put them into a header")
    if port == 0 or parts.netloc.endswith(":"):
        raise AddressForbidden("the URL's port must be from 1 to 65535")
    host = parts.hostname or ""
    if "[" in parts.netloc and ":" not in host:
        raise AddressForbidden("the URL has a malformed IPv6 address")
    address = literal_address(host)
    if address is None and (len(host) > 253 or ".." in host or not _HOST_NAME.fullmatch(host)):
        raise AddressForbidden("the URL must have a host name of ASCII letters, digits, dots and hyphens (xn--… else)")
    return UrlTarget(scheme=parts.scheme, host=host, port=port or DEFAULT_PORTS[parts.scheme], address=address)


def literal_address(host: str) -> str | None:
    """The canonical IP address that `host` writes, or `None` when it is a name.

    Raises `AddressForbidden` for a host that ends in a number, and is therefore no name (WHATWG URL, 3.5), but no
    address either.
    """
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError as fault:
            raise AddressForbidden("the URL has a malformed IPv6 address") from fault
    parts = host.removesuffix(".").split(".")
    if not _NUMBER.fullmatch(parts[-1]):
        return None
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise AddressForbidden("the URL has a malformed IPv4 address")
    *front, last = [_number(part) for part in parts]
    if any(number > 255 for number in front) or last >= 256 ** (4 - len(front)):
        raise AddressForbidden("the URL has a malformed IPv4 address")
    value = last + sum(number << (24 - 8 * index) for index, number in enumerate(front))
    return str(ipaddress.IPv4Address(value))


def _number(text: str) -> int:
    """One part of an address, as inet_aton(3) reads it: decimal, 0x hexadecimal, or 0 octal."""
    if text[:2] in {"0x", "0X"}:
        return int(text[2:] or "0", 16)
    if text.startswith("0"):
        if set(text) & set("89"):
            raise AddressForbidden("the URL has a malformed IPv4 address")
        return int(text, 8)
    # A longer one is out of range anyway, and int() must not be asked to read a thousand digits.
    return int(text[:11])


@lru_cache(maxsize=4096)
def _judge(text: str) -> tuple[Reach, str]:
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:
        return Reach.FORBIDDEN, "not an IP address"
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return Reach.FORBIDDEN, "bound to one network interface"
        if any(address in network for network in _STAND_INS):
            address = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return next((reach, name) for network, reach, name in _SPECIAL if address in network)
