"""Which of a provider's schemes may verify a source, what they need, and secrets made as they want them. Pure, but for
the randomness of a secret.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.errors import InvalidInput
from gateway.security.tokens import generate_signing_secret

if TYPE_CHECKING:
    from gateway.providers import Provider, Scheme

SECRET = "secret"  # noqa: S105 (the name of a kind)
RANDOM_BYTES = 32


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
        raise InvalidInput.at(
            "scheme", "unknown", f"{provider.id} has no scheme {scheme_id!r}; it has {known}"
        ) from None


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
