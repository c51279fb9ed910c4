"""What a new source must be given: a draft is judged against the catalogue. Pure; storing it is `sources`' matter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from gateway.errors import Fault, InvalidInput, NotFound
from gateway.events.models import SYSTEM_SOURCE
from gateway.providers import Provider, Scheme
from gateway.security.tokens import is_unguessable
from gateway.webhooks.sources.limits import parse_network
from gateway.webhooks.verification.credentials import Credentials
from gateway.webhooks.verification.keys import load_public_key, secrets_of
from gateway.webhooks.verification.rejection import Rejected

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
SECRET = "secret"  # noqa: S105 (the name of a kind)


@dataclass(frozen=True, slots=True)
class SourceDraft:
    """A source as a person asks for it. `credentials` are by kind (`secret`, `public_key`, …)."""

    slug: str
    provider: str
    scheme: str | None = None
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, str] = field(default_factory=dict)
    allowed_ips: Sequence[str] = ()
    rate_per_second: float | None = None
    enabled: bool = True


def find_provider(catalogue: Mapping[str, Provider], provider_id: str) -> Provider:
    """The catalogue's entry. Raises `NotFound`, with a suggestion where one is near."""
    provider = catalogue.get(provider_id)
    if provider is not None:
        return provider
    near = get_close_matches(provider_id.lower(), list(catalogue), n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "for any sender with an HMAC there is `generic`"
    raise NotFound(f"the catalogue has no provider {provider_id!r}; {hint}")


def possible_schemes(provider: Provider, scheme_id: str | None) -> tuple[Scheme, ...]:
    """The schemes that may verify a source's requests: the chosen one, or all where the request tells.

    Raises `InvalidInput` when the provider has no such scheme.
    """
    if provider.webhook.choose == "request" and scheme_id is None:
        return provider.webhook.schemes
    try:
        return (provider.scheme(scheme_id),)
    except KeyError:
        known = ", ".join(scheme.id for scheme in provider.webhook.schemes)
        raise InvalidInput(f"{provider.id} has no scheme {scheme_id!r}; it has {known}") from None


def stored_scheme(provider: Provider, scheme_id: str | None) -> str | None:
    """What `Source.scheme` keeps: the chosen scheme's id where the operator chooses, else None."""
    return possible_schemes(provider, scheme_id)[0].id if provider.webhook.choose == "operator" else None


def is_unsigned(schemes: Sequence[Scheme]) -> bool:
    """Whether some request would be accepted for its address alone."""
    return any(scheme.unsigned for scheme in schemes)


def takes_handshake_secret(provider: Provider) -> bool:
    """Whether the provider hands over its secret itself, in a handshake."""
    return any(handshake.store_secret is not None for handshake in provider.webhook.handshakes)


def credential_kinds(schemes: Sequence[Scheme]) -> frozenset[str]:
    """Every kind of credential that one of `schemes` can use."""
    return frozenset().union(*(scheme.requires for scheme in schemes))


def check(catalogue: Mapping[str, Provider], draft: SourceDraft) -> None:
    """Raise `InvalidInput` that names every fault of `draft`, or `NotFound` for an unknown provider."""
    find_provider(catalogue, draft.provider)
    found = faults(catalogue, draft)
    if found:
        raise InvalidInput("\n".join(fault.message for fault in found))


def faults(catalogue: Mapping[str, Provider], draft: SourceDraft) -> list[Fault]:
    """Everything that is wrong with `draft`, each fault with what to do."""
    try:
        provider = find_provider(catalogue, draft.provider)
    except NotFound as error:
        return [*_slug_faults(draft.slug), Fault("provider", str(error))]
    try:
        schemes = possible_schemes(provider, draft.scheme)
    except InvalidInput as error:
        return [*_slug_faults(draft.slug), Fault("scheme", str(error))]
    return [
        *_slug_faults(draft.slug),
        *_address_faults(draft.slug, schemes),
        *_credential_faults(provider, schemes, draft.credentials),
        *_option_faults(provider, schemes, draft.options),
        *_limit_faults(draft),
    ]


def credential_fault(schemes: Sequence[Scheme], kind: str, value: str) -> str | None:
    """Why `value` cannot serve as a credential of `kind`, or None."""
    kinds = credential_kinds(schemes)
    if kind not in kinds:
        wanted = ", ".join(sorted(kinds)) or "none"
        return f"this source takes no credential {kind!r} (it takes: {wanted})"
    if not value.strip():
        return f"the {kind} is empty"
    users = [scheme for scheme in schemes if kind in scheme.requires]
    return None if any(_is_usable(scheme, kind, value) for scheme in users) else _unusable(users[0], kind)


def _slug_faults(slug: str) -> Iterator[Fault]:
    if not SLUG.fullmatch(slug):
        yield Fault(
            "slug",
            f"{slug!r} is not a source's slug: use 1 to 64 lower-case letters, digits, - and _, "
            "a letter or digit first",
        )
    elif slug == SYSTEM_SOURCE:
        yield Fault("slug", f"the slug {SYSTEM_SOURCE!r} is reserved for the gateway's own events")


def _address_faults(slug: str, schemes: Sequence[Scheme]) -> Iterator[Fault]:
    if is_unsigned(schemes) and not is_unguessable(slug):
        yield Fault(
            "slug",
            "nothing is signed here, so only the address protects the source: "
            "use the slug - to have an unguessable one made (src_ and 32 characters)",
        )


def _credential_faults(
    provider: Provider, schemes: Sequence[Scheme], credentials: Mapping[str, str]
) -> Iterator[Fault]:
    for kind, value in credentials.items():
        reason = credential_fault(schemes, kind, value)
        if reason is not None:
            yield Fault(f"credentials.{kind}", reason)
    missing = min((scheme.requires - credentials.keys() for scheme in schemes), key=len)
    if takes_handshake_secret(provider):
        missing -= {SECRET}
    for kind in sorted(missing):
        yield Fault(f"credentials.{kind}", _demand(provider, kind))


def _demand(provider: Provider, kind: str) -> str:
    if kind == SECRET:
        return (
            f"{provider.name} signs with a secret: give it with --secret-env VAR or --secret, or --generate-secret "
            "where the vendor lets you choose it (in a file: secret_env or secret)"
        )
    return f"{provider.name} needs a {kind}: give it with --credential {kind}=… (in a file: credentials)"


def _option_faults(provider: Provider, schemes: Sequence[Scheme], options: Mapping[str, str]) -> Iterator[Fault]:
    for name, value in options.items():
        known = provider.options.get(name)
        if known is None:
            names = ", ".join(provider.options) or "none"
            yield Fault(f"options.{name}", f"{provider.id} has no option {name!r}; it has: {names}")
        elif known.choices and value not in known.choices:
            yield Fault(f"options.{name}", f"{name} must be one of {', '.join(known.choices)}, not {value!r}")
    given = options.keys() | {name for name, option in provider.options.items() if option.default is not None}
    missing = min((scheme.options - given for scheme in schemes), key=len) | (
        provider.webhook.handshake_options - given
    )
    for name in sorted(missing):
        about = provider.options[name].about if name in provider.options else ""
        yield Fault(f"options.{name}", f"{provider.name} needs --option {name}=…  {about}".rstrip())


def _limit_faults(draft: SourceDraft) -> Iterator[Fault]:
    for network in draft.allowed_ips:
        try:
            parse_network(network)
        except InvalidInput as error:
            yield Fault("allowed_ips", str(error))
    if draft.rate_per_second is not None and not 0 < draft.rate_per_second <= 1_000_000:
        yield Fault("rate", "the rate must be more than 0 and at most 1000000 requests a second")


def _is_usable(scheme: Scheme, kind: str, value: str) -> bool:
    try:
        if kind == SECRET:
            return bool(secrets_of(scheme.key)(Credentials(secrets=(value,))))
        # Braintree's public key is a name that stands beside the signature, and no key.
        if kind == "public_key" and scheme.key.source == "public_key":
            text = value.strip().removeprefix(scheme.key.strip)
            return load_public_key(scheme.key.format or "pem", text) is not None
    except Rejected:
        return False
    return True


def _unusable(scheme: Scheme, kind: str) -> str:
    if kind == SECRET:
        return f"the secret is not written as this scheme wants it ({', '.join(scheme.key.steps)}); copy it whole"
    return f"the {kind} is not in the format {scheme.key.format or 'pem'}; copy it whole"
