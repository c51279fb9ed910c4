"""OAuth 1.0a (RFC 5849): each request signed with the application's and the user's secret. Signing is Authlib's."""

from __future__ import annotations

from typing import Final, Literal

from authlib.oauth1.rfc5849.client_auth import ClientAuth

from gateway.clients.values import Call

_FORM: Final = "application/x-www-form-urlencoded"


class OAuth1:
    """`Authorization: OAuth …` by HMAC-SHA1, or by RSA-SHA1 with a private key in PEM."""

    def __init__(
        self,
        consumer_key: str,
        consumer_secret: str = "",
        *,
        token: str = "",
        token_secret: str = "",
        method: Literal["HMAC-SHA1", "RSA-SHA1"] = "HMAC-SHA1",
        rsa_key: str | None = None,
        realm: str | None = None,
    ) -> None:
        if (method == "RSA-SHA1") != (rsa_key is not None):
            raise ValueError("RSA-SHA1 takes rsa_key, and HMAC-SHA1 does not")
        self._identity = f"{consumer_key} {token}"
        self._client = ClientAuth(
            consumer_key,
            client_secret=consumer_secret,
            token=token or None,
            token_secret=token_secret or None,
            signature_method=method,
            rsa_key=rsa_key,
            realm=realm,
        )

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
