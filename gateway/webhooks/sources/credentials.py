"""Credentials of sources, sealed and opened: the only place that knows what a stored credential is tied to.

Which credentials a source needs is the provider's matter (`gateway.providers`); adding, rotating and counting them is
`sources`'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache

from gateway.clock import to_us
from gateway.security.sealing import Keyring
from gateway.webhooks.sources.models import Source, SourceCredential
from gateway.webhooks.verification import Credentials
from gateway.webhooks.verification.tokenkeys import read_key_set

CONTEXT = "credential"
# How long a new source waits for its provider to hand over the secret: whoever comes first is believed, so not for
# ever. Switching the source off and on starts the wait anew.
PENDING_FOR = timedelta(hours=24)

# How long an old secret counts beside the one that takes its place, unless somebody says otherwise.
DEFAULT_OVERLAP = timedelta(hours=24)


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


def pending_until_us(source: Source) -> int | None:
    """Until when the provider may hand over the secret of `source`; None when it is not awaited."""
    return to_us(source.updated_at + PENDING_FOR) if source.pending_handshake else None


def credentials_at(
    now_us: int, opened: OpenedCredentials, *, options: Mapping[str, str], pending_until_us: int | None
) -> Credentials:
    """What verifies a source's requests at `now_us`: every credential that has not ended."""

    def single(kind: str) -> str | None:
        return next(iter(opened.live(kind, now_us)), None)

    return Credentials(
        secrets=opened.live("secret", now_us),
        public_key=opened.live("public_key", now_us),
        root_certs=opened.live("root_certs", now_us),
        jwks=_key_set(opened.live("jwks", now_us)),
        username=single("username"),
        password=single("password"),
        pending_handshake=pending_until_us is not None and now_us < pending_until_us,
        options=options,
    )


@lru_cache(maxsize=256)
def _key_set(texts: tuple[str, ...]) -> Mapping[str, object] | None:
    """The keys of several key sets as one; None without any."""
    return {"keys": [key for text in texts for key in read_key_set(text)]} if texts else None


def credential_context(tenant_id: str, source_id: str, kind: str) -> Sequence[str]:
    """What a credential is tied to."""
    return tenant_id, source_id, CONTEXT, kind


def seal_credential(keyring: Keyring, *, tenant_id: str, source_id: str, kind: str, value: str) -> bytes:
    """`value` as `SourceCredential.sealed_value` keeps it."""
    return keyring.seal(value.encode("utf-8"), context=credential_context(tenant_id, source_id, kind))


def open_credential(keyring: Keyring, row: SourceCredential) -> OpenedCredential:
    """The credential of `row`. Raises `DecryptionFailed`."""
    value = keyring.open(row.sealed_value, context=credential_context(row.tenant_id, row.source_id, row.kind))
    return OpenedCredential(value.decode("utf-8"), None if row.expires_at is None else to_us(row.expires_at))


def open_credentials(keyring: Keyring, source: Source, rows: Iterable[SourceCredential]) -> OpenedCredentials:
    """The credentials among `rows` that belong to `source`. Raises `DecryptionFailed`."""
    by_kind: dict[str, tuple[OpenedCredential, ...]] = {}
    for row in sorted(rows, key=lambda row: row.id, reverse=True):
        if row.source_id == source.id:
            by_kind[row.kind] = (*by_kind.get(row.kind, ()), open_credential(keyring, row))
    return OpenedCredentials(by_kind)
