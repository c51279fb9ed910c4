"""Stored sources, judged: a row becomes a `SourceView`, or is out of order with the reason. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.clock import to_us
from gateway.errors import DecryptionFailed, InvalidInput
from gateway.out_of_order import OutOfOrder, OutOfOrderCode
from gateway.providers import Provider
from gateway.providers.webhook.parsed import parses_body
from gateway.security.sealing import Keyring
from gateway.security.tokens import is_unguessable
from gateway.webhooks.own_secrets import OwnSecrets
from gateway.webhooks.secrets_at_rest import RequestSealer, places_for
from gateway.webhooks.sources.allowlist import AddressAllowlist
from gateway.webhooks.sources.credentials import (
    OpenedCredentials,
    credentials_at,
    open_credentials,
    pending_until_us,
)
from gateway.webhooks.sources.models import Source, SourceCredential
from gateway.webhooks.sources.replays import Remembering, remembered
from gateway.webhooks.sources.schemes import possible_schemes, secret_address_reason, unbound_options
from gateway.webhooks.verification import Credentials, SuccessAnswer, success_answer


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source as ingest sees it. `prescribed` is what its provider wants to hear when an event is stored, None for the
    gateway's own words. `remembered` has the schemes whose proofs are accepted once. `sealer` seals what is to be kept
    of its requests; None where there is no key at hand. `own_secrets` are what is sealed in those that are refused,
    wherever it stands. `redelivers_duplicates`: what comes again is delivered again. `parses_body`: a body has to be
    parsed to find out whether it is authentic. `is_followed`: an integration learns from its events what changed.
    """

    id: str
    tenant_id: str
    slug: str
    provider_id: str
    provider: Provider
    scheme: str | None
    opened: OpenedCredentials = field(repr=False)
    options: Mapping[str, str]
    pending_until_us: int | None
    allowlist: AddressAllowlist
    rate_per_second: float | None
    is_disabled: bool
    redelivers_duplicates: bool
    prescribed: SuccessAnswer | None
    remembered: Mapping[str, Remembering]
    sealer: RequestSealer | None = field(repr=False)
    own_secrets: OwnSecrets = field(repr=False)
    parses_body: bool
    _lasting: Credentials | None = field(repr=False)
    is_followed: bool = False

    def verifies_like(self, other: SourceView) -> bool:
        """Whether both judge by the same: secrets, options, scheme."""
        return self is other or (self.opened, self.options, self.scheme) == (other.opened, other.options, other.scheme)

    def credentials(self, now_us: int) -> Credentials:
        """What verifies at `now_us`: every credential that has not ended."""
        if self._lasting is not None:
            return self._lasting
        return credentials_at(now_us, self.opened, options=self.options, pending_until_us=self.pending_until_us)


def judge_source(
    row: Source,
    credentials: Sequence[SourceCredential],
    keyring: Keyring | None,
    provider: Provider | None,
    *,
    now_us: int,
    is_followed: bool = False,
) -> SourceView | OutOfOrder:
    """The source of `row` ready for use, or why it cannot be used. Never raises.

    `credentials` are its own; those that ended before `now_us` need not open. Without `keyring` none opens. `provider`
    is its entry in the catalogue, None when there is none.
    """
    try:
        if provider is None:
            return _broken(row, OutOfOrderCode.PROVIDER_UNKNOWN, f"the catalogue has no provider {row.provider!r}")
        fault = _scheme_fault(provider, row.scheme)
        if fault is not None:
            return _broken(row, OutOfOrderCode.SCHEME_UNKNOWN, fault)
        unbound = _unbound(row, provider)
        if unbound is not None:
            return _broken(row, *unbound)
        opened = _opened(row, credentials, keyring, now_us)
        return _view(row, provider, opened, keyring, is_followed=is_followed)
    except DecryptionFailed as error:
        return _broken(row, OutOfOrderCode.DECRYPTION_FAILED, str(error))
    except InvalidInput as error:
        return _broken(row, OutOfOrderCode.NETWORK_MALFORMED, str(error))
    except Exception as error:  # whatever one row holds, the others must be loaded
        return _broken(row, OutOfOrderCode.UNREADABLE, f"its row cannot be read ({type(error).__name__})")


def _broken(row: Source, code: OutOfOrderCode, detail: str) -> OutOfOrder:
    return OutOfOrder(row.id, row.tenant_id, row.slug, code, detail)


def _scheme_fault(provider: Provider, scheme_id: str | None) -> str | None:
    try:
        possible_schemes(provider, scheme_id)
    except InvalidInput as error:
        return str(error)
    return None


def _unbound(row: Source, provider: Provider) -> tuple[OutOfOrderCode, str] | None:
    """Why the requests of strangers, or of the vendor's other customers, would pass for those of this source."""
    schemes = possible_schemes(provider, row.scheme)
    missing = unbound_options(schemes, row.options)
    if missing:
        names = " and ".join(sorted(missing))
        detail = f"it would take what any customer of {provider.name} sends: it needs the option {names}"
        return OutOfOrderCode.OPTION_MISSING, detail
    reason = secret_address_reason(schemes, is_awaiting=row.pending_handshake)
    if reason is None or is_unguessable(row.slug):
        return None
    return OutOfOrderCode.ADDRESS_GUESSABLE, f"{reason}, and this one can be guessed"


def _opened(
    row: Source, credentials: Sequence[SourceCredential], keyring: Keyring | None, now_us: int
) -> OpenedCredentials:
    live = [one for one in credentials if one.expires_at is None or to_us(one.expires_at) > now_us]
    if not live:
        return OpenedCredentials()
    if keyring is None:
        raise DecryptionFailed("there is no key to open its credentials")
    return open_credentials(keyring, row, live)


def _view(
    row: Source, provider: Provider, opened: OpenedCredentials, keyring: Keyring | None, *, is_followed: bool
) -> SourceView:
    until_us = pending_until_us(row)
    # Without end dates the answer is always the same one.
    lasting = until_us is None and all(one.expires_at_us is None for some in opened.by_kind.values() for one in some)
    return SourceView(
        id=row.id,
        tenant_id=row.tenant_id,
        slug=row.slug,
        provider_id=row.provider,
        provider=provider,
        scheme=row.scheme,
        opened=opened,
        options=row.options,
        pending_until_us=until_us,
        allowlist=AddressAllowlist(row.allowed_ips),
        rate_per_second=row.rate_per_second,
        is_disabled=row.disabled_at is not None,
        prescribed=success_answer(provider),
        redelivers_duplicates=row.redelivers_duplicates,
        remembered=remembered(provider.webhook, possible_schemes(provider, row.scheme), wanted=row.refuses_replays),
        sealer=None if keyring is None else _sealer(row, provider, keyring),
        own_secrets=OwnSecrets(_secrets(opened)),
        parses_body=any(parses_body(scheme) for scheme in possible_schemes(provider, row.scheme)),
        _lasting=credentials_at(0, opened, options=row.options, pending_until_us=None) if lasting else None,
        is_followed=is_followed,
    )


def _secrets(opened: OpenedCredentials) -> Iterator[str]:
    """What would let somebody send in the name of the source's provider."""
    for kind in ("secret", "password"):
        yield from (one.value for one in opened.by_kind.get(kind, ()))
    # As Basic authentication has it, in base64.
    for name in opened.by_kind.get("username", ()):
        yield from (f"{name.value}:{one.value}" for one in opened.by_kind.get("password", ()))


def _sealer(row: Source, provider: Provider, keyring: Keyring) -> RequestSealer:
    return RequestSealer(keyring, places_for(provider), tenant_id=row.tenant_id, source=row.slug)
