"""The address at which vendors call, and the addresses that deliveries may reach. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.config import Settings
from gateway.doctor.check import CheckResult, Level
from gateway.security.loopback import is_loopback


def base_url(settings: Settings) -> Iterator[CheckResult]:
    """Whether vendors can call the URL, and safely. Pure."""
    parts = urlsplit(settings.base_url)
    if is_loopback(parts.hostname or ""):
        detail = f"{settings.base_url} is this machine: vendors cannot call it; set GATEWAY_BASE_URL when they shall"
        yield CheckResult("base url", Level.WARN, detail)
    elif parts.scheme != "https":
        yield CheckResult("base url", Level.WARN, f"{settings.base_url} is not https: put a proxy with TLS before it")
    else:
        yield CheckResult("base url", Level.OK, settings.base_url)


def private_destinations(settings: Settings) -> Iterator[CheckResult]:
    """Whether deliveries may reach inside addresses, and whether that is likely meant. Pure."""
    if not settings.allow_private_destinations:
        yield CheckResult("private destinations", Level.OK, "forbidden")
    elif is_loopback(urlsplit(settings.base_url).hostname or ""):
        yield CheckResult("private destinations", Level.OK, "allowed, as the gateway listens on this machine only")
    else:
        detail = "allowed on a gateway that others reach: unset GATEWAY_ALLOW_PRIVATE_DESTINATIONS unless you need it"
        yield CheckResult("private destinations", Level.WARN, detail)
