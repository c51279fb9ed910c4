"""GitHub Apps: a JWT that the app signs, and in exchange the token of one of its installations.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from gateway.clients.auth.kept import KeptToken
from gateway.clients.auth.tokens import Assertion, SignedBearer
from gateway.clients.client import ApiClient
from gateway.clients.errors import AuthenticationFailed, AuthorizationFailed, RemoteNotFound, ResponseInvalid
from gateway.clients.systems.github_limits import BASE_URL, HEADERS, GitHubJudge
from gateway.clients.values import Answer
from gateway.clock import MICROSECONDS, Clock, SystemClock

# GitHub takes 10 minutes from `iat` to `exp`; a minute of them lies behind, for clocks that differ.
BACKDATED_SECONDS: Final = 60
LASTS_SECONDS: Final = 9 * 60
EARLY_SECONDS: Final = 300.0
"""A token, which lasts an hour, is not used in its last five minutes."""


def app_assertion(app_id: str | int, key: str | bytes | Mapping[str, Any], *, clock: Clock | None = None) -> Assertion:
    """What an app signs: `app_id` is its client id (or its number), `key` its private key in PEM."""
    return Assertion(
        key,
        algorithm="RS256",
        claims={"iss": str(app_id)},
        seconds=LASTS_SECONDS,
        backdated_seconds=BACKDATED_SECONDS,
        clock=clock,
    )


def installation(
    assertion: Assertion,
    installation_id: int,
    *,
    repositories: Sequence[str] = (),
    permissions: Mapping[str, str] | None = None,
    base_url: str = BASE_URL,
    clock: Clock | None = None,
    **options: Any,
) -> KeptToken:
    """The tokens of one installation, a `TokenSource`: asked for once for all threads, kept until five minutes before
    one ends.

    `repositories` (names without owner) and `permissions` (`{"issues": "read"}`) narrow what they may. `options` are
    those of `ApiClient`. Its tokens raise `AuthenticationFailed` when the installation is gone or suspended.
    """
    clock = clock or SystemClock()
    given: dict[str, Any] = {
        "system": "github",
        "auth": SignedBearer(assertion),
        "headers": HEADERS,
        "judge": GitHubJudge(),
        "clock": clock,
    }
    http = ApiClient(base_url, **given | options)
    wanted: dict[str, object] = {"repositories": list(repositories)} if repositories else {}
    if permissions:
        wanted["permissions"] = dict(permissions)

    def ask() -> tuple[str, float]:
        try:
            # A token more does no harm: it may be asked for again.
            answer = _again(lambda: http.post(_PATH, {"id": installation_id}, json=wanted or None, may_repeat=True))
        except RemoteNotFound as error:
            told = f"installation {installation_id} is gone, or of another app"
            raise AuthenticationFailed(f"no token was given: {told}", call=error.call) from error
        except AuthorizationFailed as error:
            raise AuthenticationFailed(f"no token was given: {error}", call=error.call) from error
        return _token_in(answer, clock)

    return KeptToken(ask, early_seconds=EARLY_SECONDS, clock=clock)


_PATH: Final = "/app/installations/{id}/access_tokens"


def _again(ask: Callable[[], Answer]) -> Answer:
    """Once more, with a new assertion, when the first is refused."""
    try:
        return ask()
    except AuthenticationFailed:
        return ask()


def _token_in(answer: Answer, clock: Clock) -> tuple[str, float]:
    try:
        found = answer.document
        token, ends_at = found["token"], datetime.fromisoformat(found["expires_at"])
        # By GitHub's clock, where it tells it: ours may be wrong by minutes.
        said = answer.headers.get("date")
        now = parsedate_to_datetime(said).timestamp() if said is not None else clock.now_us() / MICROSECONDS
        seconds = ends_at.timestamp() - now
    except (KeyError, TypeError, ValueError) as error:
        raise ResponseInvalid("the answer holds no token with its end") from error
    if not isinstance(token, str):
        raise ResponseInvalid("the answer holds no token")
    return token, seconds
