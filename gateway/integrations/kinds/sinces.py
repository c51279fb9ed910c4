"""Instants in cursors and positions of types: of the external system's clock, as ISO 8601 in UTC. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.clients.errors import PositionExpired


def written(at: datetime) -> str:
    """As it is kept."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read(value: object) -> datetime:
    """What was kept. Raises `PositionExpired` for what is no instant."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise PositionExpired("what the sync was to go on from cannot be read")
    return found


def read_each(values: object) -> dict[str, datetime]:
    """Instants by name. Raises `PositionExpired`."""
    if not isinstance(values, Mapping):
        raise PositionExpired("what the sync was to go on from cannot be read")
    return {str(name): read(value) for name, value in values.items()}


def write_each(instants: Mapping[str, datetime]) -> dict[str, Any]:
    """The other way round."""
    return {name: written(at) for name, at in instants.items()}


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later one of those that are known."""
    return max((at for at in (one, other) if at is not None), default=None)
