"""What a source must be given: a draft is judged against the catalogue. Pure; storing it is `management`'s matter."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.errors import Fault, Hint, InvalidInput, NotFound
from gateway.events.models import SYSTEM_SOURCE
from gateway.providers import Provider, Scheme, find_provider
from gateway.security.tokens import is_unguessable, random_slug
from gateway.webhooks.sources.allowlist import parse_network
from gateway.webhooks.sources.replays import can_refuse
from gateway.webhooks.sources.schemes import (
    SECRET,
    awaits_secret,
    credential_kinds,
    generate_secret,
    possible_schemes,
    secret_address_reason,
    set_options,
    takes_handshake_secret,
    unbound_options,
)
from gateway.webhooks.verification.credentials import Credentials
from gateway.webhooks.verification.keys import load_public_key, secrets_of
from gateway.webhooks.verification.rejection import Rejected
from gateway.webhooks.verification.tokenkeys import read_key_set

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
MADE_UP = "-"
MAX_RATE_PER_SECOND = 1_000_000
MAX_RETENTION_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class SourceDraft:
    """A source as a person asks for it. `credentials` are by kind (`secret`, `public_key`, …).

    The slug `-`, and an empty one where the address must be unguessable, stand for one that is made up;
    `generate_secret` for a secret that is made as the scheme wants it. `refuse_replays` None: where nothing honest can
    be refused. `retention_days` None: as long as all other events.
    """

    slug: str
    provider: str
    scheme: str | None = None
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, str] = field(default_factory=dict)
    allowed_ips: Sequence[str] = ()
    rate_per_second: float | None = None
    refuse_replays: bool | None = None
    redeliver_duplicates: bool = False
    retention_days: int | None = None
    enabled: bool | None = True
    """None: a new one is, and one that is there stays as it is."""
    generate_secret: bool = False


def completed(catalogue: Mapping[str, Provider], draft: SourceDraft) -> SourceDraft:
    """`draft` with slug and secret made where it asks for that. Raises `InvalidInput`, `NotFound` (provider)."""
    provider = find_provider(catalogue, draft.provider)
    schemes = possible_schemes(provider, draft.scheme)
    is_awaiting = not draft.generate_secret and awaits_secret(provider, draft.credentials)
    if draft.slug == MADE_UP or (not draft.slug and secret_address_reason(schemes, is_awaiting=is_awaiting)):
        draft = replace(draft, slug=random_slug())
    if draft.generate_secret:
        if SECRET in draft.credentials:
            raise InvalidInput.at("generate_secret", "conflicting", "a secret is given: none is to be made")
        draft = replace(draft, credentials={**draft.credentials, SECRET: generate_secret(schemes)})
    return draft


def check(catalogue: Mapping[str, Provider], draft: SourceDraft) -> None:
    """Raise `InvalidInput` with every fault of `draft`, or `NotFound` for an unknown provider."""
    find_provider(catalogue, draft.provider)
    found = faults(catalogue, draft)
    if found:
        raise InvalidInput(faults=found)


def faults(catalogue: Mapping[str, Provider], draft: SourceDraft, *, held: Collection[str] = ()) -> list[Fault]:
    """Everything that is wrong with `draft`; `held` are the kinds of credentials that the source has already."""
    try:
        provider = find_provider(catalogue, draft.provider)
    except NotFound as error:
        return [*_slug_faults(draft.slug), Fault("provider", "unknown", str(error), hint=error.hints[0])]
    try:
        schemes = possible_schemes(provider, draft.scheme)
    except InvalidInput as error:
        return [*_slug_faults(draft.slug), *error.faults]
    return [
        *_slug_faults(draft.slug),
        *_address_faults(draft.slug, schemes, is_awaiting=awaits_secret(provider, {*draft.credentials, *held})),
        *_credential_faults(provider, schemes, draft.credentials, held),
        *_option_faults(provider, schemes, draft.options),
        *_limit_faults(draft),
        *replay_faults(provider, schemes, draft.refuse_replays),
    ]


def credential_fault(schemes: Sequence[Scheme], kind: str, value: str) -> Fault | None:
    """Why `value` cannot serve as a credential of `kind`, or None."""
    field = f"credentials.{kind}"
    kinds = sorted(credential_kinds(schemes))
    if kind not in kinds:
        message = f"this source takes no credential {kind!r} (it takes: {', '.join(kinds) or 'none'})"
        return Fault(field, "not_taken", message, {"allowed": kinds})
    if not value.strip():
        return Fault(field, "missing", f"the {kind} is empty")
    users = [scheme for scheme in schemes if kind in scheme.requires]
    if any(_is_usable(scheme, kind, value) for scheme in users):
        return None
    return Fault(field, "unusable", _unusable(users[0], kind))


def replay_faults(provider: Provider, schemes: Sequence[Scheme], refuse_replays: bool | None) -> list[Fault]:
    """What is wrong with refusing replays, where that is asked for."""
    if not refuse_replays or can_refuse(provider.webhook, schemes):
        return []
    message = (
        f"what {provider.name} sends as proof may stand in many requests alike: whoever has caught one can make "
        "others, and no replay could be told"
    )
    return [Fault("refuse_replays", "not_taken", message)]


def awaiting_fault(slug: str, schemes: Sequence[Scheme]) -> Fault | None:
    """Why a source at `slug` may not wait for a secret that is handed over, or None."""
    return next(_address_faults(slug, schemes, is_awaiting=True), None)


def _slug_faults(slug: str) -> Iterator[Fault]:
    if not slug:
        yield Fault("slug", "missing", "a source needs a slug, which stands in its URL", hint=Hint("give_slug"))
    elif not SLUG.fullmatch(slug):
        message = (
            f"{slug!r} is not a source's slug: use 1 to 64 lower-case letters, digits, - and _, a letter or digit first"
        )
        yield Fault("slug", "malformed", message, {"pattern": SLUG.pattern})
    elif slug == SYSTEM_SOURCE:
        yield Fault("slug", "reserved", f"the slug {SYSTEM_SOURCE!r} is reserved for the gateway's own events")


def _address_faults(slug: str, schemes: Sequence[Scheme], *, is_awaiting: bool) -> Iterator[Fault]:
    reason = secret_address_reason(schemes, is_awaiting=is_awaiting)
    if slug and reason is not None and not is_unguessable(slug):
        message = f"{reason}: it must be unguessable, src_ and 32 characters"
        yield Fault("slug", "guessable", message, hint=Hint("make_up_slug"))


def _credential_faults(
    provider: Provider, schemes: Sequence[Scheme], credentials: Mapping[str, str], held: Collection[str]
) -> Iterator[Fault]:
    for kind, value in credentials.items():
        fault = credential_fault(schemes, kind, value)
        if fault is not None:
            yield fault
    missing = min((scheme.requires - credentials.keys() - set(held) for scheme in schemes), key=len)
    if takes_handshake_secret(provider):
        missing -= {SECRET}
    for kind in sorted(missing):
        if kind == SECRET:
            needs, hint = f"{provider.name} signs with a secret", Hint("give_secret")
        else:
            needs, hint = f"{provider.name} needs a {kind}", Hint("give_credential", {"kind": kind})
        yield Fault(f"credentials.{kind}", "missing", needs, hint=hint)


def _option_faults(provider: Provider, schemes: Sequence[Scheme], options: Mapping[str, str]) -> Iterator[Fault]:
    for name, value in options.items():
        known = provider.options.get(name)
        if known is None:
            names = list(provider.options)
            message = f"{provider.id} has no option {name!r}; it has: {', '.join(names) or 'none'}"
            yield Fault(f"options.{name}", "not_taken", message, {"allowed": names})
        elif known.choices and value not in known.choices:
            message = f"{name} must be one of {', '.join(known.choices)}, not {value!r}"
            yield Fault(f"options.{name}", "not_allowed", message, {"allowed": list(known.choices)})
    given = set_options(options) | {name for name, option in provider.options.items() if option.default is not None}
    unbound = unbound_options(schemes, options)
    missing = min((scheme.options - given for scheme in schemes), key=len) | unbound
    for name in sorted(missing | (provider.webhook.handshake_options - given)):
        about = f": {provider.options[name].about.rstrip('.')}" if name in provider.options else ""
        why = " signs for all of its customers alike, and" if name in unbound else ""
        message = f"{provider.name}{why} needs the option {name}{about}"
        yield Fault(f"options.{name}", "missing", message, hint=Hint("give_option", {"name": name}))


def _limit_faults(draft: SourceDraft) -> Iterator[Fault]:
    for network in draft.allowed_ips:
        try:
            parse_network(network)
        except InvalidInput as error:
            yield Fault("allowed_ips", "malformed", str(error))
    rate = draft.rate_per_second
    if rate is not None and not 0 < rate <= MAX_RATE_PER_SECOND:
        message = f"the rate must be more than 0 and at most {MAX_RATE_PER_SECOND} requests a second"
        yield Fault("rate", "out_of_range", message, {"more_than": 0, "at_most": MAX_RATE_PER_SECOND})
    days = draft.retention_days
    if days is not None and not 1 <= days <= MAX_RETENTION_DAYS:
        message = f"the retention must be 1 to {MAX_RETENTION_DAYS} days"
        yield Fault("retention_days", "out_of_range", message, {"at_least": 1, "at_most": MAX_RETENTION_DAYS})


def _is_usable(scheme: Scheme, kind: str, value: str) -> bool:
    try:
        if kind == SECRET:
            return bool(secrets_of(scheme.key)(Credentials(secrets=(value,))))
        # Braintree's public key is a name that stands beside the signature, and no key.
        if kind == "public_key" and scheme.key.source == "public_key":
            text = value.strip().removeprefix(scheme.key.strip)
            return load_public_key(scheme.key.format or "pem", text) is not None
        if kind == "jwks":
            return bool(read_key_set(value))
    except Rejected:
        return False
    return True


def _unusable(scheme: Scheme, kind: str) -> str:
    if kind == SECRET:
        return f"the secret is not written as this scheme wants it ({', '.join(scheme.key.steps)}); copy it whole"
    if kind == "jwks":
        return "the jwks is no JSON Web Key Set with RSA or EC keys in it; copy it whole"
    return f"the {kind} is not in the format {scheme.key.format or 'pem'}; copy it whole"
