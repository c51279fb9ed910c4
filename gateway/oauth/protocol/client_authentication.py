"""How an app says who it is: RFC 6749 (2.3.1), RFC 7523 (2.2), and the ways of vendors. Pure but for a signature.

Authlib's own `ClientAuth` is not used: its Basic does not form-encode id and secret, and it knows one name for them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote_plus

from gateway.oauth.protocol.assertions import ASSERTION_TYPE, signed
from gateway.oauth.protocol.known import known
from gateway.oauth.protocol.values import App, Endpoints
from gateway.providers.oauth.parts import Assertion

NEEDS_SECRET: Final = frozenset({"client_secret_basic", "client_secret_post", "secret_only"})


@dataclass(frozen=True, slots=True)
class Proof:
    """What goes into a request: parameters, and headers."""

    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def proof(app: App, endpoints: Endpoints, way: str, *, now_us: int) -> Proof:
    """What says that `app` is calling, by `way`, a word of `providers.oauth.words.AUTHENTICATION`.

    An app without a secret says its id alone, where it has a key nothing else was agreed on: it is a public client
    (RFC 6749, 2.1). Raises `InvalidInput` where a key is needed and there is none, or one that cannot sign.
    """
    token = app.oauth.token
    name, secret = token.client_id_parameter, app.client_secret
    identity = {name: app.client_id} if "client_id" not in token.omit else {}
    if way == "private_key_jwt":
        assertion = token.assertion or Assertion()
        claims = {"iss": app.client_id, "sub": app.client_id}
        signed_one = signed(
            app.secrets.get("private_key"),
            assertion,
            claims=claims,
            audience=endpoints.token,
            values=known(app),
            now_us=now_us,
        )
        return Proof({**identity, "client_assertion_type": ASSERTION_TYPE, "client_assertion": signed_one})
    if way == "none" or secret is None:
        return Proof(identity)
    if way == "client_secret_basic":
        return Proof(headers={"Authorization": f"Basic {basic(app.client_id, secret)}"})
    if way == "client_secret_post":
        return Proof({**identity, "client_secret": secret})
    if way == "secret_only":
        return Proof({"client_secret": secret})
    raise ValueError(f"no way to authenticate a client: {way!r}")


def basic(client_id: str, secret: str) -> str:
    """Id and secret for `Authorization: Basic`, each form-encoded (RFC 6749, 2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return b64encode(pair.encode("ascii")).decode("ascii")
