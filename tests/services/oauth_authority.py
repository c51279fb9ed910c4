"""What an authorization server decides and remembers: codes, tokens, device codes, who is the client. No HTTP.

Answers are (status, document). It is strict where providers are: codes and rotated refresh tokens are good once, and
showing one again ends everything that came of it.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey, import_key

from gateway.clock import MICROSECONDS, Clock, SystemClock
from tests.services.keys import rsa_key

CLIENT_ID = "client of the tests"
CLIENT_SECRET = "s3cret: of+the tests%"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
CODE_SECONDS = 60

Answer = tuple[int, dict[str, Any]]


class Refused(Exception):
    """An error of RFC 6749, 5.2."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.answer: Answer = (status, {"error": error, "error_description": f"the provider says: {error}"})


@dataclass
class Grant:
    """What somebody agreed to. `is_over`: revoked, by whomever. `refresh_token` is the one that is good now."""

    subject: str
    scopes: list[str]
    nonce: str | None = None
    redirect_uri: str | None = None
    challenge: str | None = None
    is_over: bool = False
    is_spent: bool = False
    ends_at: float = 0.0
    refresh_token: str | None = None


@dataclass
class Device:
    """A device code: `answer` None while nobody has agreed or refused."""

    user_code: str
    scopes: list[str]
    answer: bool | None = None
    ends_at: float = 0.0


class Authority:
    """The knobs are attributes, to be set at any time; `reset` puts all of them back and forgets everything.

    `token_seconds` None: the answer says nothing of an end, and there is none. `gives_scopes` are granted instead of
    those asked for. `claims` are put over those of ID tokens, None taking one away. `id_token` makes the ID token from
    its claims instead. `adds` are put into token answers. `assertion_key` is the public key, as a JWK, of
    `private_key_jwt` and of `jwt_bearer`.
    """

    issuer: str
    clock: Clock

    def __init__(self, clock: Clock | None = None) -> None:
        self.lock = threading.RLock()
        self.keys = [_key("key-1", rsa_key())]
        self.issuer = ""
        self.reset(clock)

    def reset(self, clock: Clock | None = None) -> None:
        """As new, with the same keys and address."""
        self.clock = clock or SystemClock()
        self.client_id, self.client_secret = CLIENT_ID, CLIENT_SECRET
        self.subject, self.email = "user-1", "ada@example.org"
        self.token_seconds: int | None = 3600
        self.rotates, self.gives_refresh_tokens, self.refuses_refresh = True, True, False
        self.gives_scopes: list[str] | None = None
        self.denies: str | None = None
        self.sends_iss, self.requires_pkce = True, True
        self.polls_to_slow_down = 0
        self.claims: dict[str, Any] = {}
        self.id_token: Callable[[dict[str, Any]], str] | None = None
        self.adds: dict[str, Any] = {}
        self.assertion_key: Mapping[str, Any] | None = None
        self.codes: dict[str, Grant] = {}
        self.access_tokens: dict[str, tuple[Grant, float | None]] = {}
        self.refresh_tokens: dict[str, Grant] = {}
        self.devices: dict[str, Device] = {}
        self.pushed: dict[str, dict[str, str]] = {}
        self.assertions: set[str] = set()
        self._numbers = itertools.count(1)

    @property
    def now(self) -> float:
        return self.clock.now_us() / MICROSECONDS

    def rotate_keys(self) -> None:
        """From now on another key signs; the former ones stay published."""
        number = len(self.keys) + 1
        self.keys.append(_key(f"key-{number}", rsa.generate_private_key(public_exponent=65537, key_size=2048)))

    def jwks(self) -> dict[str, Any]:
        return {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": "RS256"} for key in self.keys]}

    def agree(self, url: str, *, subject: str | None = None) -> str:
        """Where a person's browser is sent after it was at `url`, which is the authorization endpoint's."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        asked = self.pushed.pop(asked.get("request_uri", ""), asked)
        back = asked.get("redirect_uri", "")
        said = {"state": asked["state"]} if "state" in asked else {}
        if self.sends_iss:
            said["iss"] = self.issuer
        try:
            said["code"] = self._code(asked, subject or self.subject)
        except Refused as refused:
            said["error"] = str(refused)
        return f"{back}{'&' if '?' in back else '?'}{urlencode(said)}"

    def approve_device(self, user_code: str, *, agrees: bool = True) -> None:
        """A person enters `user_code`, and agrees or not."""
        next(one for one in self.devices.values() if one.user_code == user_code).answer = agrees

    def revoke_all(self) -> None:
        """As if everybody had taken the app's access away."""
        for grant in [*self.refresh_tokens.values(), *(grant for grant, _ in self.access_tokens.values())]:
            grant.is_over = True

    def token(self, form: Mapping[str, str], authorization: str | None) -> Answer:
        """The token endpoint."""
        try:
            self._authenticate(form, authorization)
            kind = form.get("grant_type", "authorization_code" if "code" in form else "")
            grants: dict[str, Callable[[Mapping[str, str]], Answer]] = {
                "authorization_code": self._exchange,
                "refresh_token": self._refresh,
                "client_credentials": lambda form: self._issue(Grant("client", form.get("scope", "").split())),
                JWT_BEARER: self._by_assertion,
                DEVICE_CODE: self._by_device,
            }
            if kind not in grants:
                raise Refused("unsupported_grant_type")
            return grants[kind](form)
        except Refused as refused:
            return refused.answer

    def push(self, form: Mapping[str, str], authorization: str | None) -> Answer:
        """RFC 9126."""
        try:
            self._authenticate(form, authorization)
        except Refused as refused:
            return refused.answer
        uri = f"urn:ietf:params:oauth:request_uri:{next(self._numbers)}"
        self.pushed[uri] = dict(form)
        return 201, {"request_uri": uri, "expires_in": 60}

    def begin_device(self, form: Mapping[str, str]) -> Answer:
        """RFC 8628, 3.1."""
        number = next(self._numbers)
        self.devices[f"device-{number}"] = Device(
            f"CODE-{number}", form.get("scope", "").split(), ends_at=self.now + 600
        )
        return 200, {
            "device_code": f"device-{number}",
            "user_code": f"CODE-{number}",
            "verification_uri": f"{self.issuer}/device",
            "verification_uri_complete": f"{self.issuer}/device?user_code=CODE-{number}",
            "expires_in": 600,
            "interval": 1,
        }

    def revoke(self, form: Mapping[str, str], authorization: str | None) -> Answer:
        """RFC 7009: whichever token it is, the grant ends."""
        try:
            self._authenticate(form, authorization)
        except Refused as refused:
            return refused.answer
        found = self._grant_of(form.get("token", ""))
        if found is not None:
            found.is_over = True
        return 200, {}

    def introspect(self, form: Mapping[str, str], authorization: str | None) -> Answer:
        """RFC 7662."""
        try:
            self._authenticate(form, authorization)
        except Refused as refused:
            return refused.answer
        grant = self.bearer(f"Bearer {form.get('token', '')}")
        if grant is None:
            return 200, {"active": False}
        said = {"active": True, "sub": grant.subject, "scope": " ".join(grant.scopes), "username": self.email}
        return 200, said | {"client_id": self.client_id}

    def bearer(self, authorization: str | None) -> Grant | None:
        """Whose token stands in the header; None where it is none, or good no more."""
        grant, ends_at = self.access_tokens.get((authorization or "").removeprefix("Bearer "), (None, None))
        return None if grant is None or grant.is_over or (ends_at is not None and ends_at <= self.now) else grant

    def _code(self, asked: Mapping[str, str], subject: str) -> str:
        if self.denies is not None:
            raise Refused(self.denies)
        if asked.get("client_id") != self.client_id:
            raise Refused("unauthorized_client")
        challenge = asked.get("code_challenge")
        if (challenge is None and self.requires_pkce) or (challenge and asked.get("code_challenge_method") != "S256"):
            raise Refused("invalid_request")
        code = f"code-{next(self._numbers)}"
        scopes = asked.get("scope", "").replace(",", " ").split()
        self.codes[code] = Grant(
            subject,
            scopes if self.gives_scopes is None else self.gives_scopes,
            asked.get("nonce"),
            asked.get("redirect_uri"),
            challenge,
            ends_at=self.now + CODE_SECONDS,
        )
        return code

    def _authenticate(self, form: Mapping[str, str], authorization: str | None) -> None:
        client, secret = form.get("client_id"), form.get("client_secret")
        if authorization is not None and authorization.startswith("Basic "):
            pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            client, _, secret = (unquote_plus(part) for part in pair.partition(":"))
        if "client_assertion" in form:
            claims = self._verified(form["client_assertion"])
            if claims["iss"] == claims["sub"] == self.client_id and claims["jti"] not in self.assertions:
                self.assertions.add(claims["jti"])
                return
        if client != self.client_id or (self.client_secret and secret != self.client_secret):
            raise Refused("invalid_client", 401)

    def _verified(self, assertion: str) -> dict[str, Any]:
        if self.assertion_key is None:
            raise Refused("invalid_client", 401)
        claims = jwt.decode(assertion, import_key(dict(self.assertion_key)), algorithms=["RS256", "ES256"]).claims
        if not self.now - 5 < claims["exp"] < self.now + 3600:
            raise Refused("invalid_grant")
        return claims

    def _exchange(self, form: Mapping[str, str]) -> Answer:
        grant = self.codes.get(form.get("code", ""))
        if grant is None or grant.ends_at <= self.now:
            raise Refused("invalid_grant")
        if grant.is_spent:
            # RFC 6749, 4.1.2: and what came of it ends.
            grant.is_over = True
            raise Refused("invalid_grant")
        grant.is_spent = True
        verifier = form.get("code_verifier", "")
        expected = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if form.get("redirect_uri") != grant.redirect_uri or (grant.challenge and expected != grant.challenge):
            raise Refused("invalid_grant")
        return self._issue(grant)

    def _refresh(self, form: Mapping[str, str]) -> Answer:
        shown = form.get("refresh_token", "")
        grant = self.refresh_tokens.get(shown)
        if grant is None or grant.is_over or self.refuses_refresh:
            raise Refused("invalid_grant")
        if grant.refresh_token != shown:
            grant.is_over = True
            raise Refused("invalid_grant")
        return self._issue(grant, is_refresh=True)

    def _by_assertion(self, form: Mapping[str, str]) -> Answer:
        claims = self._verified(form.get("assertion", ""))
        return self._issue(Grant(claims["sub"], form.get("scope", "").split()))

    def _by_device(self, form: Mapping[str, str]) -> Answer:
        device = self.devices.get(form.get("device_code", ""))
        if device is None or device.ends_at <= self.now:
            raise Refused("expired_token")
        if self.polls_to_slow_down:
            self.polls_to_slow_down -= 1
            raise Refused("slow_down")
        if device.answer is None:
            raise Refused("authorization_pending")
        del self.devices[form["device_code"]]
        if not device.answer:
            raise Refused("access_denied")
        return self._issue(Grant(self.subject, device.scopes))

    def _issue(self, grant: Grant, *, is_refresh: bool = False) -> Answer:
        token = f"access-{next(self._numbers)}"
        self.access_tokens[token] = (grant, self.now + self.token_seconds if self.token_seconds is not None else None)
        said: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "scope": " ".join(grant.scopes)}
        if self.token_seconds is not None:
            said["expires_in"] = self.token_seconds
        if self.gives_refresh_tokens and grant.subject != "client" and (self.rotates or not is_refresh):
            grant.refresh_token = said["refresh_token"] = f"refresh-{next(self._numbers)}"
            self.refresh_tokens[grant.refresh_token] = grant
        if "openid" in grant.scopes:
            said["id_token"] = self._id_token(grant, token)
        return 200, said | self.adds

    def _id_token(self, grant: Grant, access_token: str) -> str:
        digest = hashlib.sha256(access_token.encode()).digest()[:16]
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": grant.subject,
            "aud": self.client_id,
            "iat": int(self.now),
            "exp": int(self.now) + 300,
            "nonce": grant.nonce,
            "at_hash": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "email": self.email,
        }
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        if self.id_token is not None:
            return self.id_token(claims)
        key = self.keys[-1]
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)

    def _grant_of(self, token: str) -> Grant | None:
        return self.refresh_tokens.get(token) or self.access_tokens.get(token, (None, None))[0]


def _key(kid: str, key: rsa.RSAPrivateKey) -> RSAKey:
    return RSAKey.import_key(key, {"kid": kid})
