"""Credentials of sources, sealed and opened: the only place that knows what a stored credential is tied to.

Which credentials a source needs is the provider's matter (`gateway.providers`); adding, rotating and counting them is
`sources`'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.clock import to_us
from gateway.security.sealing import Keyring
from gateway.webhooks.sources.models import Source, SourceCredential

CONTEXT = "credential"


@dataclass(frozen=True, slots=True)
class OpenedCredential:
    """One credential in the clear; None as end means that it does not expire."""

    value: str = field(repr=False)
    expires_at_us: int | None = None

    def is_live(self, now_us: int) -> bool:
        """Whether it counts at `now_us`."""
        return self.expires_at_us is None or self.expires_at_us > now_us


@dataclass(frozen=True, slots=True)
class OpenedCredentials:
    """Every credential of one source by kind (`secret`, `public_key`, `username`, …), newest first."""

    by_kind: Mapping[str, tuple[OpenedCredential, ...]] = field(default_factory=dict)

    def live(self, kind: str, now_us: int) -> tuple[str, ...]:
        """The values of `kind` that count at `now_us`, newest first."""
        return tuple(one.value for one in self.by_kind.get(kind, ()) if one.is_live(now_us))


def seal_credential(keyring: Keyring, *, tenant_id: str, source_id: str, kind: str, value: str) -> bytes:
    """`value` as `SourceCredential.sealed_value` keeps it."""
    return keyring.seal(value.encode("utf-8"), context=(tenant_id, source_id, CONTEXT, kind))


def open_credential(keyring: Keyring, row: SourceCredential) -> OpenedCredential:
    """The credential of `row`. Raises `DecryptionFailed`."""
    value = keyring.open(row.sealed_value, context=(row.tenant_id, row.source_id, CONTEXT, row.kind))
    return OpenedCredential(value.decode("utf-8"), None if row.expires_at is None else to_us(row.expires_at))


def open_credentials(keyring: Keyring, source: Source, rows: Iterable[SourceCredential]) -> OpenedCredentials:
    """The credentials among `rows` that belong to `source`. Raises `DecryptionFailed`."""
    by_kind: dict[str, tuple[OpenedCredential, ...]] = {}
    for row in sorted(rows, key=lambda row: row.id, reverse=True):
        if row.source_id == source.id:
            by_kind[row.kind] = (*by_kind.get(row.kind, ()), open_credential(keyring, row))
    return OpenedCredentials(by_kind)
