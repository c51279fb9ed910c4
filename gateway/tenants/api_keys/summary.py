"""An API key as it is shown: without its secret, which is not here any more, and with its state in a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.tenants.acting import Acting
from gateway.tenants.api_keys.models import ApiKey


class KeyState(StrEnum):
    """Whether a key opens."""

    LIVE = "live"  # it does
    EXPIRED = "expired"  # its time is over
    REVOKED = "revoked"  # somebody took it back


@dataclass(frozen=True, slots=True)
class KeySummary:
    """`last_used_at` is right to the minute; None: not used yet."""

    id: str
    name: str
    scopes: Sequence[str]
    state: KeyState
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


def summary(acting: Acting, key: ApiKey) -> KeySummary:
    """The row as it is shown."""
    return KeySummary(
        id=key.id,
        name=key.name,
        scopes=tuple(key.scopes),
        state=_state(key, acting.now),
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )


def _state(key: ApiKey, now: datetime) -> KeyState:
    if key.revoked_at is not None:
        return KeyState.REVOKED
    return KeyState.EXPIRED if key.expires_at is not None and key.expires_at <= now else KeyState.LIVE
