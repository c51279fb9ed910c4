"""ZoneMinder's credentials: tokens that stand in the query, refreshed, or got anew by name and password.

It answers 401 to a token that is over, and also where rights are missing. A new login is tried at most once for each
text that it says, as long as the token lasts that came of it. Source: ZoneMinder's API documentation, 1.36.
"""

from __future__ import annotations

import html
import re
import threading
from dataclasses import replace
from typing import Any, Final

from gateway.clients.auth.base import CustomAuth, TokenSource
from gateway.clients.auth.kept import EARLY_SECONDS, KeptToken
from gateway.clients.client import ApiClient
from gateway.clients.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    FailedCall,
    IntegrationError,
    RequestRefused,
    ResponseInvalid,
)
from gateway.clients.judging import by_status, excerpt
from gateway.clients.systems.reading import integer, number, part, text
from gateway.clients.values import Answer, Call
from gateway.clock import Clock, SystemClock

LOGIN_PATH: Final = "/host/login.json"
MAX_TEXTS: Final = 100
_HOUR: Final = 3600.0
# SQLSTATE of a statement that is wrong as it stands: a filter by a field that is none. It comes in a 500.
_SQL_REFUSED: Final = re.compile("42[0-9A-Z]{3}")


class ZoneMinderLogin:
    """A `TokenSource`: a login by name and password, and its refresh token as long as that is taken."""

    def __init__(self, client: ApiClient, user: str, password: str, *, clock: Clock | None = None) -> None:
        self._client = client
        self._user = user
        self._password = password
        self._clock = clock or SystemClock()
        self._kept = KeptToken(self._get, clock=clock)
        self._refresh = ""
        self._refresh_until = 0.0
        self.tokens_taken = 0
        self.logins = 0

    def __repr__(self) -> str:
        return "ZoneMinderLogin(…)"

    def token(self) -> str:
        """A token that is good now. Raises `AuthenticationFailed` for a wrong password, other `IntegrationError`s."""
        return self._kept.token()

    def renew(self, refused: str) -> bool:
        """Log in again, unless somebody did since `refused` was sent."""
        # What revoked the one has revoked the other.
        self._refresh = ""
        return self._kept.renew(refused)

    def _get(self) -> tuple[str, float]:
        if self._refresh and self._clock.monotonic() < self._refresh_until:
            try:
                return self._taken(self._ask({"token": self._refresh}))
            except (AuthenticationFailed, RequestRefused):
                self._refresh = ""
        taken = self._taken(self._ask({"user": self._user, "pass": self._password}))
        self.logins += 1
        return taken

    def _ask(self, form: dict[str, str]) -> Any:
        return self._client.json("POST", LOGIN_PATH, form=form, may_repeat=True)

    def _taken(self, found: Any) -> tuple[str, float]:
        token, refresh = text(part(found, "access_token")), text(part(found, "refresh_token"))
        if not token:
            raise ResponseInvalid(
                "the login gave no access_token: ZoneMinder has to be 1.34 or later, with OPT_USE_AUTH"
            )
        if refresh:
            lasts = number(part(found, "refresh_token_expires")) or 0
            self._refresh, self._refresh_until = refresh, self._clock.monotonic() + lasts - EARLY_SECONDS
        self.tokens_taken += 1
        return token, number(part(found, "access_token_expires")) or _HOUR


class QueryToken:
    """The token of a source in the query: ZoneMinder does not look at `Authorization`."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def __repr__(self) -> str:
        return "QueryToken(…)"

    def apply(self, call: Call) -> Call:
        """With `token` in the query."""
        return call.with_query(("token", self._source.token()))

    def refused(self, call: Call) -> bool:
        """Whether there is another token now."""
        return self._source.renew(dict(call.query).get("token", ""))

    def secrets(self, call: Call) -> tuple[str, ...]:
        """The token, which errors of ZoneMinder repeat with the URL."""
        return tuple(value for name, value in call.query if name == "token")


class Refusals:
    """Judges answers, and remembers which refusals a new login did not mend."""

    def __init__(self, login: ZoneMinderLogin | None) -> None:
        self._login = login
        self._lock = threading.Lock()
        self._unmended: dict[str, int] = {}

    def judge(self, answer: Answer, now: float) -> IntegrationError | None:
        """As `judge`; what is known not to be mended by a login is a matter of rights."""
        error = judge(answer, now)
        if isinstance(error, AuthenticationFailed) and self._unmended.get(error.call.excerpt) == self._taken():
            return _of_rights(error)
        return error

    def unmended(self, error: AuthenticationFailed) -> AuthorizationFailed:
        """`error` came with a token that was new: until the next one, no login is tried for it."""
        with self._lock:
            self._unmended[error.call.excerpt] = self._taken()
            if len(self._unmended) > MAX_TEXTS:
                del self._unmended[next(iter(self._unmended))]
        return _of_rights(error)

    def _taken(self) -> int:
        return self._login.tokens_taken if self._login is not None else 0


def judge(answer: Answer, now: float) -> IntegrationError | None:
    """An error has `success: false`, also inside 200, and its message is escaped for HTML."""
    try:
        document = answer.document
    except ValueError:
        return by_status(answer, now)
    error = by_status(answer, now)
    is_refused = part(document, "success") is False
    if error is None and is_refused:
        status = integer(part(document, "data", "exception", "code"))
        if status is not None and 400 <= status < 600:
            error = by_status(replace(answer, status=status), now)
        else:
            error = RequestRefused("the system refuses the request", call=FailedCall(status=answer.status))
    said = text(part(document, "data", "message")) or text(part(document, "message"))
    if _SQL_REFUSED.fullmatch(text(part(document, "data", "exception", "code"))):
        error = RequestRefused("the system refuses the request", call=FailedCall(status=answer.status))
        said = text(part(document, "data", "exception", "message"))
    if error is not None and said:
        told = excerpt(html.unescape(said))
        kind = text(part(document, "data", "exception", "class")) or None
        error.call = replace(error.call, excerpt=told, vendor_code=kind)
        error.args = (f"status {answer.status}: {told}",)
    return error


def login_client(base_url: str, password: str, **options: Any) -> ApiClient:
    """A client for the login alone, whose errors do not repeat the password."""
    secret = CustomAuth(lambda call: call, password, html.escape(password))
    return ApiClient(base_url, auth=secret, judge=judge, **options)


def _of_rights(error: AuthenticationFailed) -> AuthorizationFailed:
    found = AuthorizationFailed(f"{error} (the login is good: rights are missing)", call=error.call)
    found.__cause__ = error.__cause__
    return found
