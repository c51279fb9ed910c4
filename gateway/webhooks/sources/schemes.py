"""Which of a provider's schemes may verify a source, what they need, and secrets made as they want them. Pure, but for
the randomness of a secret.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from gateway.errors import InvalidInput
from gateway.security.tokens import generate_signing_secret

if TYPE_CHECKING:
    from gateway.providers import Provider, Scheme

SECRET = "secret"  # noqa: S105 (the name of a kind)
RANDOM_BYTES = 32


def possible_schemes(provider: Provider, scheme_id: str | None) -> tuple[Scheme, ...]:
    """The schemes that may verify a source's requests: the chosen one, or all where the request tells.

    Raises `InvalidInput` when the provider has no such scheme, or sends no webhooks.
    """
    provider.require_webhooks()
    if provider.webhook.choose == "request" and scheme_id is None:
        return provider.webhook.schemes
    try:
        return (provider.scheme(scheme_id),)
    except KeyError:
        known = ", ".join(scheme.id for scheme in provider.webhook.schemes)
        raise InvalidInput.at(
            "scheme", "unknown", f"{provider.id} has no scheme {scheme_id!r}; it has {known}"
        ) from None


def stored_scheme(provider: Provider, scheme_id: str | None) -> str | None:
    """What `Source.scheme` keeps: the chosen scheme's id where the operator chooses, else None."""
    return possible_schemes(provider, scheme_id)[0].id if provider.webhook.choose == "operator" else None


def secret_address_reason(schemes: Sequence[Scheme], *, is_awaiting: bool) -> str | None:
    """Why the address of a source must be unguessable, in words; None when it need not be.

    `is_awaiting`: the source has no secret yet, and takes the one that is handed over.
    """
    if any(scheme.unsigned for scheme in schemes):
        return "nothing is signed here, so only the address protects the source"
    if any(scheme.bound_by_address for scheme in schemes):
        return (
            "the provider signs for all of its customers alike and names none, so only the address keeps the others' "
            "requests out"
        )
    if is_awaiting:
        return "the source takes the secret of whoever brings one first, so only the address keeps strangers from it"
    return None


def set_options(options: Mapping[str, str]) -> frozenset[str]:
    """The names of the options that have a value; an empty one is as good as none."""
    return frozenset(name for name, value in options.items() if value.strip())


def unbound_options(schemes: Sequence[Scheme], options: Mapping[str, str]) -> frozenset[str]:
    """The options without which a request of any customer of the vendor would be accepted by one of `schemes`."""
    return frozenset[str]().union(*(scheme.binding for scheme in schemes)) - set_options(options)


def awaits_secret(provider: Provider, held: Collection[str]) -> bool:
    """Whether a source that has credentials of the kinds `held` waits for a secret that the provider hands over."""
    return SECRET not in held and takes_handshake_secret(provider)


def takes_handshake_secret(provider: Provider) -> bool:
    """Whether the provider hands over its secret itself, in a handshake."""
    return any(handshake.store_secret is not None for handshake in provider.webhook.handshakes)


def credential_kinds(schemes: Sequence[Scheme]) -> frozenset[str]:
    """Every kind of credential that one of `schemes` can use."""
    return frozenset().union(*(scheme.requires for scheme in schemes))


def generate_secret(schemes: Sequence[Scheme]) -> str:
    """A random secret, written as the first scheme that takes one wants it. Raises `InvalidInput` when none does."""
    scheme = next((scheme for scheme in schemes if SECRET in scheme.requires), None)
    if scheme is None:
        raise InvalidInput.at("generate_secret", "not_taken", "this source takes no secret: none is to be made")
    steps = scheme.key.steps
    if "strip:whsec_" in steps:
        return generate_signing_secret()
    if any(step.startswith("base64") for step in steps):
        return base64.b64encode(secrets.token_bytes(RANDOM_BYTES)).decode("ascii")
    return secrets.token_hex(RANDOM_BYTES)
