"""Destinations that lead back to this gateway: what came in would be delivered to it again, for ever.

What is told by its URL is told here: the public name, the address that the gateway listens on, and names that lead
there. A proxy that passes another name on to the gateway is not known.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.parse import unquote, urlsplit

from gateway.config import Settings
from gateway.errors import AddressForbidden, Fault
from gateway.installation import Installation
from gateway.outgoing.resolver import Resolver
from gateway.security.ssrf import DEFAULT_PORTS, UrlTarget, parse_url

# Webhooks come in at the one; the other sends samples and replays. Under a public name it may be another program's.
INBOUND = frozenset({"webhooks"})
EVERYTHING = INBOUND | {"api"}
EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 (compared with, not bound)
# A transaction waits for it; a name server that takes longer is not waited for.
LOOKUP_SECONDS = 1.0

Lookup = Callable[[str], Sequence[str]]
"""The addresses of a host; none where it has none."""


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """Where this gateway is called: the `public` host and port (None where that is no URL) with the path below which it
    stands, and what it listens on, as hosts and ports.
    """

    public: UrlTarget | None
    path: tuple[str, ...]
    listening: tuple[tuple[str, int], ...]


def loop_faults(installation: Installation, url: str) -> list[Fault]:
    """What is wrong with `url` as a destination's, if it leads back here. One that is no URL is another's matter."""
    own = own_addresses(installation.settings)
    if leads_back(url, own, _bounded(installation.resolver), is_local_address):
        return [Fault("url", "loop", "the URL leads back to this gateway: what came in would come in again for ever")]
    return []


def own_addresses(settings: Settings) -> OwnAddresses:
    """Where a gateway with these settings is called. Pure.

    The public URL is what it listens on, too, where it names an address: there is no proxy in between.
    """
    listening = [settings.listen] if settings.listen is not None else []
    try:
        public = parse_url(settings.base_url)
    except AddressForbidden:
        return OwnAddresses(None, (), tuple(listening))
    if public.address is not None or public.host == "localhost":
        listening.append((public.host, public.port))
    return OwnAddresses(public, _segments(urlsplit(settings.base_url).path), tuple(listening))


def leads_back(url: str, own: OwnAddresses, lookup: Lookup, is_local: Callable[[str], bool]) -> bool:
    """Whether a request to `url` would reach `own`. Pure but for its arguments; `lookup` is asked for names only, and
    only where everything else points here.
    """
    try:
        target = parse_url(url)
    except AddressForbidden:
        return False
    segments = _segments(urlsplit(url).path)
    if own.public is not None and _is_public(target, own.public) and _is_below(segments, own.path, INBOUND):
        return True
    if not any(_is_below(segments, prefix, EVERYTHING) for prefix in ((), own.path)):
        return False
    hosts = [host for host, port in own.listening if port == target.port]
    if not hosts:
        return False
    there = {_plain(address) for address in _addresses(target.host, target.address, lookup)}
    return any(_listens_at(host, there, lookup, is_local) for host in hosts)


def is_local_address(address: str) -> bool:
    """Whether `address` is one of this machine's: a socket can be bound to no other. Sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _is_public(target: UrlTarget, public: UrlTarget) -> bool:
    """A proxy that serves a name by HTTPS may serve it by HTTP, too."""
    is_same_host = _name(target.host) == _name(public.host) or (
        target.address is not None and target.address == public.address
    )
    default = set(DEFAULT_PORTS.values())
    return is_same_host and (target.port == public.port or {target.port, public.port} <= default)


def _listens_at(host: str, there: set[str], lookup: Lookup, is_local: Callable[[str], bool]) -> bool:
    if host in EVERY_ADDRESS:
        return any(ip_address(address).is_loopback or is_local(address) for address in there)
    return not there.isdisjoint(_plain(address) for address in _addresses(host, None, lookup))


def _addresses(host: str, literal: str | None, lookup: Lookup) -> Sequence[str]:
    if literal is not None:
        return [literal]
    try:
        return [str(ip_address(host))]
    except ValueError:
        return lookup(host)


def _plain(address: str) -> str:
    """An IPv4 address that is written as an IPv6 one is the same (RFC 4291, 2.5.5.2)."""
    found = ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


def _name(host: str) -> str:
    return host.lower().removesuffix(".")


def _is_below(segments: tuple[str, ...], prefix: tuple[str, ...], sections: frozenset[str]) -> bool:
    rest = segments[len(prefix) :]
    return segments[: len(prefix)] == prefix and bool(rest) and rest[0] in sections


def _segments(path: str) -> tuple[str, ...]:
    """The names in a path as whoever stands in between may read it: decoded, without empty ones and dots."""
    found: list[str] = []
    for name in unquote(unquote(path)).replace("\\", "/").casefold().split("/"):
        if name == "..":
            del found[-1:]
        elif name not in {"", "."}:
            found.append(name)
    return tuple(found)


def _bounded(resolver: Resolver) -> Lookup:
    """`resolver`, which is waited for so long and no longer; what does not resolve has no address."""

    def lookup(host: str) -> Sequence[str]:
        found: SimpleQueue[Sequence[str]] = SimpleQueue()

        def resolve() -> None:
            try:
                found.put(resolver.resolve(host))
            except (OSError, ValueError):
                found.put(())

        Thread(target=resolve, name="lookup", daemon=True).start()
        try:
            return found.get(timeout=LOOKUP_SECONDS)
        except Empty:
            return ()

    return lookup
