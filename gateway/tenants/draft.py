"""What may be changed of a tenant, and what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gateway.errors import Fault, InvalidInput
from gateway.security.loopback import is_loopback
from gateway.tenants.limits import limit_fault

MOST_ORIGINS = 20
NO_LIMIT = "none"
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class TenantChange:
    """`limits` names those that change, None takes one away. `return_origins` replaces all; None leaves them."""

    limits: Mapping[str, float | None] = field(default_factory=dict)
    return_origins: Sequence[str] | None = None


def faults(change: TenantChange) -> list[Fault]:
    """Everything that is wrong with `change`."""
    found = [limit_fault(name, value) for name, value in change.limits.items()]
    origins = change.return_origins or ()
    found += [_origin_fault(f"return_origins[{index}]", origin) for index, origin in enumerate(origins)]
    if len(origins) > MOST_ORIGINS:
        found.append(Fault("return_origins", "too_long", f"a tenant has at most {MOST_ORIGINS} origins"))
    return [fault for fault in found if fault is not None]


def origin_of(text: str) -> str:
    """An origin in its one spelling (RFC 6454): lower case, without the port that its scheme has anyway.

    Raises `ValueError` with what is wrong: it must be `https`, or `http` on this machine, a host, and nothing else.
    """
    parts = urlsplit(text.strip())
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("must be an origin such as https://app.example.com")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must be scheme, host and port, without credentials, path or query")
    if "*" in parts.hostname or not parts.hostname.isascii() or not parts.hostname.isprintable():
        raise ValueError("must name one host, in ASCII")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must be https, but for this machine itself")
    port = parts.port
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, _PORTS[parts.scheme]) else "")


def parse_limit(name: str, text: str) -> float | None:
    """A bound as a person writes it: a number, or `none`. Raises `InvalidInput`."""
    if text.strip().lower() == NO_LIMIT:
        return None
    try:
        number = float(text)
        return int(number) if number == int(number) else number
    except (ValueError, OverflowError):
        message = f"the limit {name} must be a number, or {NO_LIMIT}"
        raise InvalidInput.at(f"limits.{name}", "malformed", message) from None


def _origin_fault(field: str, origin: str) -> Fault | None:
    try:
        origin_of(origin)
    except ValueError as fault:
        return Fault(field, "malformed", f"{origin!r} {fault}")
    return None
