"""What a tenant may have and do: bounds by their names, None for no bound. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from gateway.errors import Fault

LEAST_RATE = 0.1
MOST = 2**53
WHOLE = frozenset({"sources", "destinations", "app_credentials", "stored_bytes"})
"""Limits that count things; the others are rates, which may have a fraction."""


@dataclass(frozen=True, slots=True)
class TenantLimits:
    """Rates are means over ten seconds, for each web process by itself. `destinations` counts HTTP endpoints, not
    handlers; `stored_bytes` the bodies in the journal.
    """

    events_per_second: float | None = None
    sources: int | None = None
    destinations: int | None = None
    app_credentials: int | None = None
    stored_bytes: int | None = None
    api_requests_per_second: float | None = None


NAMES = tuple(one.name for one in fields(TenantLimits))


def limits_of(stored: object) -> TenantLimits:
    """Limits as they are stored. What cannot be read bounds nothing: one tenant's row must not stop the others."""
    if not isinstance(stored, Mapping):
        return TenantLimits()
    values: dict[str, Any] = {
        name: stored[name] for name in NAMES if stored.get(name) is not None and limit_fault(name, stored[name]) is None
    }
    return TenantLimits(**values)


def limit_fault(name: str, value: object) -> Fault | None:
    """What is wrong with a bound; None where nothing is."""
    if name not in NAMES:
        return Fault("limits", "unknown", f"there is no limit {name!r}; there is {', '.join(NAMES)}", {"values": NAMES})
    if value is None:
        return None
    field = f"limits.{name}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Fault(field, "malformed", f"the limit {name} must be a number")
    if name in WHOLE and value != int(value):
        return Fault(field, "malformed", f"the limit {name} must be a whole number")
    least = 0 if name in WHOLE else LEAST_RATE
    if not least <= value <= MOST:
        return Fault(field, "out_of_range", f"the limit {name} must be from {least:g} to {MOST}")
    return None
