"""The cookie that ties a flow to the browser that began it. It says nothing and opens nothing by itself."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from flask import Request, Response

from gateway.oauth.flows.one_time import FORM, digest, new_token

NAME, EMBEDDED = "gateway-browser", "gateway-embedded"
# Longer than a flow, so that one that is begun at its end is still known at its own.
LIFETIME_SECONDS = 3600


class BrowserCookie:
    """The browser's, or a new one for a browser without. `is_embedded`: that of a page in a frame of another site."""

    def __init__(self, request: Request, base_url: str, *, is_embedded: bool = False) -> None:
        self._is_secure = urlsplit(base_url).scheme == "https"
        # RFC 6265bis, 4.1.3.2: no other host, and nobody without TLS, can have set a cookie that is called so.
        self._is_embedded = is_embedded
        name = EMBEDDED if is_embedded else NAME
        self._name = f"__Host-{name}" if self._is_secure else name
        self._given = request.cookies.get(self._name)

    @property
    def digest(self) -> bytes | None:
        """That of what the browser brought; None where it brought nothing of ours."""
        return digest(self._given) if self._given is not None and FORM.fullmatch(self._given) else None

    def require(self) -> bytes:
        """The digest of the browser's, which is made where it has none; `put` it on the answer."""
        if self.digest is None:
            self._given = new_token()
        assert self.digest is not None
        return self.digest

    @property
    def form_token(self) -> str:
        """What our forms carry, so that no other site can send one: it follows from the cookie, and tells nothing."""
        return hashlib.sha256(f"form {self._given}".encode()).hexdigest()

    def is_own_form(self, token: str | None) -> bool:
        """Whether a form with this token was shown to this browser."""
        given = (token or "").encode("utf-8", "replace")
        return self.digest is not None and hmac.compare_digest(given, self.form_token.encode())

    def put(self, response: Response) -> Response:
        """`response`, with the cookie."""
        response.set_cookie(
            self._name,
            self._given or "",
            max_age=LIFETIME_SECONDS,
            path="/",
            secure=self._is_secure,
            httponly=True,
            # CHIPS: of this frame below this site, and of no other.
            samesite="None" if self._is_embedded else "Lax",
            partitioned=self._is_embedded,
        )
        return response
