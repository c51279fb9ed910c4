"""ID tokens, verified whole: OpenID Connect Core 1.0 (3.1.3.7).

The provider's keys are kept for a while. A token by a key that is not known yet has them fetched again, at most every
half a minute: keys are rotated, and anybody can write a key id.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import new as new_hash
from typing import Any

from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwt import JWTClaimsRegistry

from gateway.clock import MICROSECONDS, Clock
from gateway.oauth.protocol.documents import KEPT_SECONDS, documents_of
from gateway.oauth.protocol.errors import ProviderAnswerInvalid
from gateway.oauth.protocol.http import Http
from gateway.oauth.protocol.signatures import claims_of, header_of
from gateway.oauth.protocol.values import App, Endpoints, Tokens
from gateway.providers.oauth.templates import filled

LEEWAY_SECONDS = 120
REFETCH_SECONDS = 30.0
MAX_CHARACTERS = 64 * 1024
_PART = re.compile(r"[\w.-]+", re.ASCII)

Claims = Mapping[str, Any]


def verified_claims(
    app: App, endpoints: Endpoints, http: Http, clock: Clock, *, tokens: Tokens, nonce: str | None
) -> Claims | None:
    """The claims of the ID token that came with `tokens`, as `verify` has them; None where none came.

    One that nobody could verify, because the provider publishes no keys, says nothing: None, unless the account is read
    from it. Raises as `verify`.
    """
    account = app.oauth.account
    is_read = account is not None and account.source == "id_token"
    if tokens.id_token is None or app.oauth.kind != "oidc" or (endpoints.jwks is None and not is_read):
        return None
    return verify(app, endpoints, http, clock, id_token=tokens.id_token, nonce=nonce, access_token=tokens.access_token)


def verify(
    app: App,
    endpoints: Endpoints,
    http: Http,
    clock: Clock,
    *,
    id_token: str,
    nonce: str | None,
    access_token: str | None = None,
) -> Claims:
    """The claims of `id_token`, all of which hold. `nonce` is the flow's, None where none was sent; `access_token` came
    along, and is compared where the token has its hash.

    Raises `ProviderAnswerInvalid`, whose message says what is wrong and quotes nothing secret, and
    `ProviderUnavailable` where the provider's keys cannot be fetched.
    """
    algorithm, claims = _signed(endpoints, http, clock, id_token)
    _check_registered(claims, app.client_id, clock.now_us() // MICROSECONDS)
    _check_issuer(app, endpoints, claims)
    _check_party(app, claims)
    if nonce is not None and not _equal(claims.get("nonce"), nonce):
        raise _refused("its nonce is not that of this login")
    hashed = claims.get("at_hash") if access_token is not None else None
    if hashed is not None and not _equal(hashed, half_hash(access_token or "", algorithm)):
        raise _refused("its at_hash is not that of the access token")
    return claims


def half_hash(token: str, algorithm: str) -> str:
    """The left half of the hash of `token`, by the hash of the signature's algorithm (3.1.3.6)."""
    name = "sha512" if algorithm.startswith("Ed") else f"sha{algorithm[2:]}"
    digest = new_hash(name, token.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode("ascii")


def _signed(endpoints: Endpoints, http: Http, clock: Clock, id_token: str) -> tuple[str, Claims]:
    """The algorithm and the claims of a token that the provider signed."""
    if endpoints.jwks is None:
        raise _refused("nobody says with which keys it may be signed")
    header = header_of(id_token) if len(id_token) <= MAX_CHARACTERS else None
    if header is None:
        raise _refused("it is no signed token")
    algorithm = header.get("alg")
    if algorithm not in endpoints.algorithms:
        taken = ", ".join(endpoints.algorithms) or "none of those that the provider has"
        raise _refused(f"it is signed with {str(algorithm)[:20]!r}, and what is taken is {taken}")
    documents = documents_of(http, clock)
    for age in (KEPT_SECONDS, REFETCH_SECONDS):
        claims = claims_of(id_token, header, documents.get(endpoints.jwks, max_age_seconds=age))
        if claims is not None:
            return algorithm, claims
    raise _refused("none of the provider's keys signed it")


def _check_registered(claims: Claims, client_id: str, now: int) -> None:
    """The claims that every ID token has, and its times by a clock that may be two minutes off."""
    registry = JWTClaimsRegistry(
        now,
        LEEWAY_SECONDS,
        iss={"essential": True},
        sub={"essential": True},
        aud={"essential": True, "value": client_id},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        registry.validate(dict(claims))
    except MissingClaimError as error:
        raise _refused(f"it has no {error.claim}") from error
    except ExpiredTokenError as error:
        raise _refused("it has expired, or one of the clocks is wrong") from error
    except InvalidClaimError as error:
        raise _refused(f"its {error.claim} is wrong") from error
    except (JoseError, TypeError, ValueError) as error:
        raise _refused("its claims cannot be read") from error


def _check_issuer(app: App, endpoints: Endpoints, claims: Claims) -> None:
    """Who issued it, to the letter; names in braces stand for the claims that the entry says."""
    if endpoints.issuer is None:
        raise _refused("nobody says who may have issued it")
    known = {
        name: claims[claim]
        for name, claim in app.oauth.issuer.claims.items()
        if isinstance(claims.get(claim), str) and _PART.fullmatch(claims[claim])
    }
    if claims["iss"] != filled(endpoints.issuer, known):
        raise _refused("it was issued by another provider")


def _check_party(app: App, claims: Claims) -> None:
    """For whom it was made, where several are to hear it (azp)."""
    party = claims.get("azp")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (party is not None or several) and party != app.client_id:
        raise _refused("it was made for another app (azp)")


def _equal(found: object, expected: str) -> bool:
    return isinstance(found, str) and hmac.compare_digest(found.encode("utf-8", "replace"), expected.encode())


def _refused(reason: str) -> ProviderAnswerInvalid:
    return ProviderAnswerInvalid(f"the provider's ID token is refused: {reason}")
