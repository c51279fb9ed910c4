"""Tokens that a service gives for something of ours: client credentials (RFC 6749, 4.4) and JWT assertions (RFC 7523).

A token is asked for once for all threads, kept until shortly before it ends, and asked for again when it is refused.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from gateway.clients.auth.base import Auth, Basic, CustomAuth
from gateway.clients.auth.kept import KeptToken
from gateway.clients.client import ApiClient
from gateway.clients.errors import AuthenticationFailed, RequestRefused, ResponseInvalid
from gateway.clients.values import Call
from gateway.clock import MICROSECONDS, Clock, SystemClock

JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Assertion:
    """A JWT signed with a private key, made anew each time: `key` is PEM, a JWK or a key of cryptography's, `algorithm`
    such as RS256 or ES384.

    `claims` are those that stay (iss, sub, aud, scope, …); `iat`, `exp` and `jti` are added. `backdated_seconds` for
    systems whose clock runs behind ours.
    """

    def __init__(
        self,
        key: str | bytes | Mapping[str, Any] | RSAPrivateKey,
        *,
        algorithm: str,
        claims: Mapping[str, Any],
        seconds: float = 180,
        backdated_seconds: float = 0,
        key_id: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        if algorithm.upper() == "NONE" or seconds <= 0:
            raise ValueError("an assertion is signed, and lasts for a time")
        self._key = _private_key(key, algorithm)
        self._algorithm = algorithm
        self._claims = dict(claims)
        self._seconds = seconds
        self._backdated = backdated_seconds
        self._header = {"alg": algorithm, "typ": "JWT"} | ({"kid": key_id} if key_id is not None else {})
        self._clock = clock or SystemClock()

    def __repr__(self) -> str:
        return "Assertion(…)"

    def sign(self) -> str:
        """A fresh one."""
        now = self._clock.now_us() / MICROSECONDS
        issued = int(now - self._backdated)
        claims = self._claims | {"iat": issued, "exp": int(now + self._seconds), "jti": str(uuid.uuid4())}
        return jwt.encode(self._header, claims, self._key, algorithms=[self._algorithm])


class SignedBearer:
    """`Authorization: Bearer …` with an assertion for each request: GitHub's App endpoints, App Store Connect."""

    def __init__(self, assertion: Assertion, *, scheme: str = "Bearer") -> None:
        self._assertion = assertion
        self._scheme = scheme
        self._identity = uuid.uuid4().hex

    def __repr__(self) -> str:
        return "SignedBearer(…)"

    def identity(self) -> str:
        """All its assertions are of one key, which is this object's."""
        return self._identity

    def apply(self, call: Call) -> Call:
        """With an assertion of its own."""
        return call.with_headers(("Authorization", f"{self._scheme} {self._assertion.sign()}"))

    def refused(self, call: Call) -> bool:
        """The next one would be signed with the same key."""
        return False

    def secrets(self, call: Call) -> tuple[str, ...]:
        """The assertion."""
        return ((call.header("Authorization") or "").rpartition(" ")[2],)


class ExchangedToken(KeptToken):
    """A token that `client` gets at `path` by a grant, as form fields. A `TokenSource`.

    `fields` are those of the grant; with `assertion` one is added under `assertion_field` (`assertion` for the JWT
    bearer grant, `client_assertion` for private_key_jwt). `lasts_seconds` is for services that do not say how long one
    lasts.
    """

    def __init__(
        self,
        client: ApiClient,
        path: str,
        *,
        fields: Mapping[str, str],
        assertion: Assertion | None = None,
        assertion_field: str = "assertion",
        lasts_seconds: float = 600,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(self._exchange, clock=clock)
        self._client = client
        self._path = path
        self._fields = dict(fields)
        self._assertion = assertion
        self._assertion_field = assertion_field
        self._lasts_seconds = lasts_seconds
        self.answer: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        return f"ExchangedToken({self._client!r}, …)"

    def _exchange(self) -> tuple[str, float]:
        fields = dict(self._fields)
        if self._assertion is not None:
            fields[self._assertion_field] = self._assertion.sign()
        try:
            found = self._client.json("POST", self._path, form=fields)
        except RequestRefused as error:
            # RFC 6749, 5.2: a grant that is not taken is answered 400.
            raise AuthenticationFailed(f"no token was given: {error}", call=error.call) from error
        token = found.get("access_token") if isinstance(found, dict) else None
        if not isinstance(token, str):
            raise ResponseInvalid("the answer of the token service holds no access_token")
        lasts = found.get("expires_in")
        try:
            seconds = float(lasts) if lasts is not None else self._lasts_seconds
        except (TypeError, ValueError):
            seconds = self._lasts_seconds
        self.answer = {name: value for name, value in found.items() if name not in {"access_token", "refresh_token"}}
        return token, seconds


def _private_key(key: str | bytes | Mapping[str, Any] | RSAPrivateKey, algorithm: str) -> RSAKey | ECKey | OKPKey:
    data: Any = dict(key) if isinstance(key, Mapping) else key
    try:
        if algorithm.startswith("ES"):
            found: RSAKey | ECKey | OKPKey = import_key(data, "EC")
        elif algorithm == "EdDSA":
            found = import_key(data, "OKP")
        else:
            found = import_key(data, "RSA")
    except (ValueError, TypeError, JoseError) as error:
        raise ValueError(f"the key is none for {algorithm}: a private key in PEM, or a JWK") from error
    if not found.is_private:
        raise ValueError("the key is a public one: assertions are signed with the private one")
    return found


def client_credentials(
    token_url: str, client_id: str, client_secret: str, *, scope: str = "", in_body: bool = False, **options: Any
) -> ExchangedToken:
    """RFC 6749, 4.4, with the secret by Basic (2.3.1), or in the body where the service wants that.

    `options` are those of `ApiClient`.
    """
    fields = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
    if in_body:
        fields |= {"client_id": client_id, "client_secret": client_secret}
    # In the body it is no credential of the call, and is kept out of errors all the same.
    auth: Auth = CustomAuth(lambda call: call, client_secret) if in_body else Basic(client_id, client_secret)
    client = ApiClient(token_url, auth=auth, **options)
    return ExchangedToken(client, "", fields=fields, clock=options.get("clock"))


def private_key_jwt(
    token_url: str,
    client_id: str,
    key: str | bytes | Mapping[str, Any],
    *,
    algorithm: str = "RS384",
    key_id: str | None = None,
    scope: str = "",
    **options: Any,
) -> ExchangedToken:
    """Client credentials proven by a signed assertion (RFC 7523, 2.2; SMART backend services)."""
    claims = {"iss": client_id, "sub": client_id, "aud": token_url}
    assertion = Assertion(
        key, algorithm=algorithm, claims=claims, seconds=240, key_id=key_id, clock=options.get("clock")
    )
    fields = {"grant_type": "client_credentials", "client_assertion_type": _ASSERTION_TYPE}
    if scope:
        fields["scope"] = scope
    client = ApiClient(token_url, **options)
    return ExchangedToken(
        client, "", fields=fields, assertion=assertion, assertion_field="client_assertion", clock=options.get("clock")
    )


def jwt_bearer(token_url: str, assertion: Assertion, *, scope: str = "", **options: Any) -> ExchangedToken:
    """An assertion in exchange for a token (RFC 7523, 2.1): Salesforce, Google service accounts."""
    fields = {"grant_type": JWT_BEARER} | ({"scope": scope} if scope else {})
    return ExchangedToken(
        ApiClient(token_url, **options), "", fields=fields, assertion=assertion, clock=options.get("clock")
    )
