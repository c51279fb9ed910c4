"""JSON Web Tokens: the family `jwt`. Signatures are checked by joserfc, with pinned algorithms.

What the claims must say is checked here: issuer, times, required claims, and the entry's equalities.
"""

from __future__ import annotations

import math

from gateway.content import jsontext
from gateway.providers.webhook.model import Scheme
from gateway.providers.webhook.parts import Jwt
from gateway.webhooks.verification.checks import checks_of
from gateway.webhooks.verification.jose import TokenKey, protected_header, verified_payload
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import Rejected, malformed, mismatch, missing
from gateway.webhooks.verification.tokenkeys import keys_of
from gateway.webhooks.verification.values import first_text
from gateway.webhooks.verification.verdict import Reason
from gateway.webhooks.verification.verify import Verify, jwt_of

# How far in the future a fresh token may seem when the entry says nothing: the vendor's clock is not ours.
CLOCK_SKEW_SECONDS = 60.0
MAX_TOKEN_CHARACTERS = 256 * 1024

_TIME_CLAIMS = ("exp", "nbf", "iat")


def verify_jwt(scheme: Scheme) -> Verify:
    """Check a token's signature, times, issuer and claims; leaves the claims in `reading.claims`."""
    jwt = jwt_of(scheme)
    read, keys, checks = first_text(jwt.places), keys_of(scheme), checks_of(jwt.checks)
    names = " or ".join(place.text for place in jwt.places)

    def verify(reading: Reading) -> None:
        text = read(reading)
        if not text:
            raise missing(f"{names} is absent or empty")
        if not text.startswith(jwt.prefix):
            raise malformed(f"{names} does not begin with {jwt.prefix!r}")
        token = text[len(jwt.prefix) :]
        header = _header(token, jwt, names)
        reading.claims = _claims(token, jwt, keys(reading, header))
        # Without its signature, which others could write in another way.
        reading.signed = (token.rpartition(".")[0].encode(),)
        _check_claims(jwt, reading)
        if checks is not None:
            checks(reading)

    return verify


def _header(token: str, jwt: Jwt, names: str) -> dict[str, object]:
    """The protected header of a token whose algorithm is one of the scheme's."""
    header = protected_header(token) if len(token) <= MAX_TOKEN_CHARACTERS else None
    if header is None:
        raise malformed(f"{names} is not a JSON Web Token")
    if header.get("alg") not in jwt.algorithms:
        raise malformed(f"the token's algorithm is not {' or '.join(jwt.algorithms)}")
    return header


def _claims(token: str, jwt: Jwt, keys: list[TokenKey]) -> dict[str, object]:
    for key in keys:
        payload = verified_payload(token, key, jwt.algorithms)
        if payload is None:
            continue
        claims = jsontext.parse(payload)
        if not isinstance(claims, dict):
            raise malformed("the token's claims are not a JSON object")
        return claims
    raise mismatch("no current key of the source fits the token's signature")


def _check_claims(jwt: Jwt, reading: Reading) -> None:
    claims = reading.claims
    for name in jwt.required:
        if claims.get(name) is None:
            reason = Reason.TIMESTAMP_MISSING if name in _TIME_CLAIMS else Reason.SIGNATURE_MALFORMED
            raise Rejected(reason, f"the token has no claim {name}")
    if jwt.issuers and claims.get("iss") not in jwt.issuers:
        raise mismatch(f"the token's issuer is not {' or '.join(jwt.issuers)}")
    expires_at, not_before, issued_at = (_seconds(claims, name) for name in _TIME_CLAIMS)
    leeway = jwt.leeway_seconds if jwt.leeway_seconds is not None else 0.0
    skew = jwt.leeway_seconds if jwt.leeway_seconds is not None else CLOCK_SKEW_SECONDS
    now = reading.now
    if expires_at is not None and now >= expires_at + leeway:
        raise Rejected(Reason.TIMESTAMP_OUT_OF_TOLERANCE, f"the token expired {now - expires_at:.0f} s ago")
    for name, instant in (("nbf", not_before), ("iat", issued_at)):
        if instant is not None and instant > now + skew:
            detail = f"the token's claim {name} is {instant - now:.0f} s in the future"
            raise Rejected(Reason.TIMESTAMP_OUT_OF_TOLERANCE, detail)
    if jwt.max_age_seconds is not None and issued_at is not None and now - issued_at > jwt.max_age_seconds + leeway:
        detail = f"the token was issued {now - issued_at:.0f} s ago; {jwt.max_age_seconds:g} s are allowed"
        raise Rejected(Reason.TIMESTAMP_OUT_OF_TOLERANCE, detail)


def _seconds(claims: dict[str, object], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise malformed(f"the token's claim {name} is not a number")
    try:
        seconds = float(value)
    except OverflowError as error:
        raise malformed(f"the token's claim {name} is not a time") from error
    if not math.isfinite(seconds) or seconds < 0:
        raise malformed(f"the token's claim {name} is not a time")
    return seconds
