"""OAuth 1.0a (RFC 5849): each request signed with the application's and the user's secret. Signing is Authlib's."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from hmac import new as new_hmac
from typing import Any, Final, Literal

from authlib.oauth1.rfc5849.client_auth import ClientAuth
from authlib.oauth1.rfc5849.signature import generate_signature_base_string
from authlib.oauth1.rfc5849.util import escape

from gateway.clients.values import Call

Method = Literal["HMAC-SHA1", "HMAC-SHA256", "RSA-SHA1", "PLAINTEXT"]

_FORM: Final = "application/x-www-form-urlencoded"


def _hmac_sha256(client: ClientAuth, request: Any) -> str:
    """As HMAC-SHA1 (3.4.2), with the hash that later servers want."""
    key = f"{escape(client.client_secret or '')}&{escape(client.token_secret or '')}"
    base = generate_signature_base_string(request)
    return b64encode(new_hmac(key.encode(), base.encode(), sha256).digest()).decode("ascii")


class OAuth1:
    """`Authorization: OAuth …` by the secrets, or by RSA-SHA1 with a private key in PEM.

    `callback` and `verifier` are for the steps on which an account is connected (2.1, 2.3).
    """

    def __init__(
        self,
        consumer_key: str,
        consumer_secret: str = "",
        *,
        token: str = "",
        token_secret: str = "",
        method: Method = "HMAC-SHA1",
        rsa_key: str | None = None,
        realm: str | None = None,
        callback: str | None = None,
        verifier: str | None = None,
    ) -> None:
        if (method == "RSA-SHA1") != (rsa_key is not None):
            raise ValueError(f"RSA-SHA1 takes rsa_key, and nothing else does: {method}")
        self._identity = f"{consumer_key} {token}"
        self._client = ClientAuth(
            consumer_key,
            client_secret=consumer_secret,
            token=token or None,
            token_secret=token_secret or None,
            signature_method=method,
            rsa_key=rsa_key,
            realm=realm,
            redirect_uri=callback,
            verifier=verifier,
        )
        self._client.SIGNATURE_METHODS = {**ClientAuth.SIGNATURE_METHODS, "HMAC-SHA256": _hmac_sha256}

    def __repr__(self) -> str:
        return "OAuth1(…)"

    def identity(self) -> str:
        """The application's key and the user's token, which are told."""
        return self._identity

    def apply(self, call: Call) -> Call:
        """With a signature over method, URL, query, and the body where it is a form (3.4.1.3)."""
        content_type = call.header("Content-Type") or ""
        is_form = content_type.partition(";")[0].strip().lower() == _FORM
        headers = {"Content-Type": content_type} if content_type else {}
        body = (call.body or b"").decode("utf-8") if is_form else ""
        _, signed, _ = self._client.prepare(call.method, call.full_url, headers, body)
        return call.with_headers(("Authorization", signed["Authorization"]))

    def refused(self, call: Call) -> bool:
        """The next one would be signed with the same secrets."""
        return False

    def secrets(self, call: Call) -> tuple[str, ...]:
        """A signature proves the secrets without telling them."""
        return ()
