"""Which secrets an app at a provider proves itself with: from the provider's entry. Pure."""

from __future__ import annotations

from gateway.providers.oauth.model import OAuth
from gateway.providers.oauth.parts import Assertion

PRIVATE_KEY_JWT = "private_key_jwt"
DISCOVERED = "discovered"


def needs_private_key(oauth: OAuth) -> bool:
    """Whether nothing else proves who the app is."""
    return oauth.token.authentication == PRIVATE_KEY_JWT


def key_algorithms(oauth: OAuth) -> tuple[str, ...]:
    """The JWS algorithms that a private key signs with; none where the provider takes no key."""
    found: list[str] = []
    if oauth.token.authentication in (PRIVATE_KEY_JWT, DISCOVERED):
        found += (oauth.token.assertion or Assertion()).algorithms
    for grant in oauth.grants.values():
        found += grant.assertion.algorithms if grant.assertion is not None else ()
    return tuple(dict.fromkeys(found))
