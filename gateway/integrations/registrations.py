"""What is on record of the webhooks that an integration registered: JSON in `Integration.prepared`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from gateway.clock import iso

PREPARED: Final = "webhooks"
"""Its name among what activation prepared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One at the provider. `id` None: it is about to be made, or was and nobody heard of it. `values` fill the names in
    braces of its calls; none of them is secret. `is_shared`: another integration made it, and takes it back.
    """

    key: str
    url: str
    values: Mapping[str, Any]
    id: str | None = None
    expires_at: datetime | None = None
    made_at: datetime | None = None
    is_shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrations:
    """Those of an integration, for the source that had this id. `credential_id` is the source's credential that proves
    their webhooks. `looked_at` is when the provider was last asked whether they are there; `failures` in a row wait
    until `retry_at`, and `error` is the last one.
    """

    source_id: str
    provider: str
    credential_id: str | None = None
    by_key: Mapping[str, Registration] = field(default_factory=dict)
    looked_at: datetime | None = None
    failures: int = 0
    retry_at: datetime | None = None
    error: str | None = None

    def with_one(self, one: Registration) -> Registrations:
        """With `one`, in place of that of its key."""
        return replace(self, by_key={**self.by_key, one.key: one})

    def without(self, key: str) -> Registrations:
        """Without the one of this key."""
        return replace(self, by_key={name: one for name, one in self.by_key.items() if name != key})

    @property
    def ends_at(self) -> datetime | None:
        """When the first of them ends; None where none does."""
        return min((one.expires_at for one in self.by_key.values() if one.expires_at is not None), default=None)

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "source_id": self.source_id,
            "provider": self.provider,
            "credential_id": self.credential_id,
            "registrations": {key: _one_to_json(one) for key, one in self.by_key.items()},
            "looked_at": _text(self.looked_at),
            "failures": self.failures,
            "retry_at": _text(self.retry_at),
            "error": self.error,
        }


def registrations_in(prepared: Mapping[str, Any]) -> Registrations | None:
    """Those on record; None where none were ever wanted."""
    kept = prepared.get(PREPARED)
    # A type may have kept something of its own under this name.
    if not isinstance(kept, Mapping) or "registrations" not in kept:
        return None
    return Registrations(
        source_id=kept["source_id"],
        provider=kept["provider"],
        credential_id=kept.get("credential_id"),
        by_key={key: _one_from_json(key, one) for key, one in kept["registrations"].items()},
        looked_at=_instant(kept.get("looked_at")),
        failures=kept.get("failures", 0),
        retry_at=_instant(kept.get("retry_at")),
        error=kept.get("error"),
    )


def shown(prepared: Mapping[str, Any]) -> dict[str, Any] | None:
    """As a person is shown them; None where there are none."""
    found = registrations_in(prepared)
    if found is None:
        return None
    return {
        "registered": sorted(key for key, one in found.by_key.items() if one.id is not None),
        "ends_at": _text(found.ends_at),
        "looked_at": _text(found.looked_at),
        "retry_at": _text(found.retry_at),
        "error": found.error,
    }


def _one_to_json(one: Registration) -> dict[str, Any]:
    return {
        "url": one.url,
        "values": dict(one.values),
        "id": one.id,
        "expires_at": _text(one.expires_at),
        "made_at": _text(one.made_at),
        "is_shared": one.is_shared,
    }


def _one_from_json(key: str, kept: Mapping[str, Any]) -> Registration:
    return Registration(
        key=key,
        url=kept["url"],
        values=kept["values"],
        id=kept["id"],
        expires_at=_instant(kept.get("expires_at")),
        made_at=_instant(kept.get("made_at")),
        is_shared=kept.get("is_shared", False),
    )


def _text(at: datetime | None) -> str | None:
    return None if at is None else iso(at)


def _instant(kept: str | None) -> datetime | None:
    return None if kept is None else datetime.fromisoformat(kept)
