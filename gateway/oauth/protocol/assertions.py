"""Signed assertions (RFC 7523): of an app that proves itself by a key, and of a service account. Signing is joserfc's.

A key is PEM, or a JWK as JSON, whose `kid` goes along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError
from joserfc.util import base64_to_int

from gateway.clock import Clock
from gateway.deferred import deferred
from gateway.errors import InvalidInput
from gateway.providers.oauth.parts import Assertion
from gateway.providers.oauth.templates import filled, filled_all

if TYPE_CHECKING:
    from gateway.clients.auth.tokens import Assertion as Signer

# Loads the clients, which most apps' requests need nothing of.
_signing = deferred("gateway.clients.auth.tokens")

JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def signed(
    key: str | None,
    assertion: Assertion,
    *,
    claims: Mapping[str, str],
    audience: str,
    values: Mapping[str, str],
    now_us: int,
) -> str:
    """A fresh assertion. `claims` are over the entry's; `audience` is whom it is for where the entry names nobody.

    Raises `InvalidInput` for a key that cannot sign it.
    """
    stated = (filled(assertion.audience, values) if assertion.audience is not None else None) or audience
    said = {**filled_all(assertion.claims, values), **claims, "aud": stated}
    if key is None:
        raise InvalidInput("a private key is needed, to sign who is calling")
    return _sign(key, assertion.algorithms, said, assertion.lifetime_seconds, now_us)


def _sign(key: str, algorithms: Sequence[str], claims: Mapping[str, str], seconds: int, now_us: int) -> str:
    data, key_id = _key(key)
    for algorithm in algorithms:
        try:
            signer: Signer = _signing.Assertion(
                data, algorithm=algorithm, claims=claims, seconds=seconds, key_id=key_id, clock=_Stopped(now_us)
            )
            return signer.sign()
        except (ValueError, TypeError, KeyError, JoseError):
            # Of another kind or curve, or no key at all. Libraries quote what they were given.
            continue
    raise InvalidInput(f"the key is no private key for {' or '.join(algorithms)}: PEM, or a JWK as JSON")


def _key(key: str) -> tuple[str | Mapping[str, Any] | RSAPrivateKey, str | None]:
    """The key as it is signed with, and its id.

    Those of RSA are not proved to be sound again, which takes as long as twenty requests: that was done when the key
    was given, and an unsound one makes signatures that nobody takes.
    """
    if not key.lstrip().startswith("{"):
        return _from_pem(key), None
    try:
        found = orjson.loads(key)
    except ValueError:
        return key, None
    key_id = found.get("kid")
    return _from_jwk(found), key_id if isinstance(key_id, str) else None


def _from_pem(text: str) -> str | RSAPrivateKey:
    try:
        found = load_pem_private_key(text.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return text
    return found if isinstance(found, RSAPrivateKey) else text


def _from_jwk(jwk: Mapping[str, Any]) -> Mapping[str, Any] | RSAPrivateKey:
    """RFC 7518, 6.3: a key that has all of its numbers."""
    if jwk.get("kty") != "RSA":
        return jwk
    try:
        p, q, d, dp, dq, qi, e, n = (base64_to_int(jwk[name]) for name in ("p", "q", "d", "dp", "dq", "qi", "e", "n"))
        numbers = RSAPrivateNumbers(p, q, d, dp, dq, qi, RSAPublicNumbers(e, n))
        return numbers.private_key(unsafe_skip_rsa_key_validation=True)
    except (KeyError, ValueError, TypeError, AttributeError):
        return jwk


class _Stopped(Clock):
    """The instant at which the request is made."""

    def __init__(self, now_us: int) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        return self._now_us

    def monotonic(self) -> float:
        return 0.0
