"""The port that every method of verification has: a function over a reading that returns or raises."""

from __future__ import annotations

from collections.abc import Callable

from gateway.providers.webhook.model import Scheme
from gateway.providers.webhook.parts import Jwt, Signature, Token
from gateway.webhooks.verification.reading import Reading

# Returns when the request is authentic; raises Rejected when it is not. Leaves `reading.secret` at the secret that
# fitted, and `reading.claims` at the token's claims.
Verify = Callable[[Reading], None]


def signature_of(scheme: Scheme) -> Signature:
    """The signature part of a scheme that must have one; the catalogue's soundness check sees to it."""
    if scheme.signature is None:
        raise ValueError(f"the scheme {scheme.id} has no signature")
    return scheme.signature


def token_of(scheme: Scheme) -> Token:
    """The token part of a scheme that must have one."""
    if scheme.token is None:
        raise ValueError(f"the scheme {scheme.id} has no token")
    return scheme.token


def jwt_of(scheme: Scheme) -> Jwt:
    """The JWT part of a scheme that must have one."""
    if scheme.jwt is None:
        raise ValueError(f"the scheme {scheme.id} has no jwt")
    return scheme.jwt
