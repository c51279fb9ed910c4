"""What a refresh goes by: when a token is good, who may renew it, what follows from an answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from gateway.db.lease import CLOCK_TOLERANCE_SECONDS
from gateway.errors import GatewayError
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderRefused, ProviderUnavailable
from gateway.oauth.states import ConnectionState
from gateway.providers.oauth.model import Refresh

LEASE_SECONDS: Final = 30.0
"""How long one may be at a refresh: a call's time (10 seconds), and as much again to store its answer."""
EARLY_SECONDS: Final = 60.0
"""A token is renewed in its last minute, since it would end on the way; in its second half where it is a short one."""
ON_THE_WAY_SECONDS: Final = 5.0
"""While it cannot be renewed, a token is used until there is less than this left of it."""
RETRY_SECONDS: Final = (5.0, 15.0, 45.0, 135.0, 405.0, 900.0)
"""Before the second try in a row, the third, …; each ±20 %, so that those who failed together come back apart."""
SPREAD: Final = 0.2
LONGEST_RETRY_SECONDS: Final = 3600.0
"""No provider may ask for more patience than this."""
IMPATIENT_SECONDS: Final = 30.0
"""Who needs a token waits no longer than this for the next try."""
REFUSALS: Final = 4
"""So many refusals in a row, of a kind that is not known, mean that the grant is broken."""

REPEATABLE: Final[Set[str]] = frozenset({"static", "rotating_lenient", "exchange"})
"""Styles in which nothing is lost with an answer: what was shown may be shown again."""

# RFC 6749, 5.2, and what vendors say instead of `invalid_grant`.
BROKEN: Final[Set[str]] = frozenset(
    {
        "access_denied",
        "account_inactive",
        "bad_refresh_token",
        "expired_token",
        "invalid_grant",
        "invalid_refresh_token",
        "invalid_token",
        "token_expired",
        "token_revoked",
    }
)
MISCONFIGURED: Final[Set[str]] = frozenset(
    {
        "bad_client_secret",
        "incorrect_client_credentials",
        "invalid_client",
        "invalid_client_id",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)
TRANSIENT: Final[Set[str]] = frozenset(
    {"internal_error", "rate_limited", "ratelimited", "server_error", "slow_down", "temporarily_unavailable"}
)


class Renewal(Enum):
    """How a connection comes to its next access token."""

    NONE = "none"  # it does not: a key, or a token that nothing renews
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 (a word)
    EXCHANGE = "exchange"  # the access token itself is swapped while it is good
    CLIENT_CREDENTIALS = "client_credentials"
    ASSERTION = "assertion"
    UNKNOWN = "unknown"  # the catalogue does not say any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A connection's row as somebody saw it, as far as it matters here."""

    version: int
    state: ConnectionState
    got_at: datetime
    access_expires_at: datetime | None
    refresh_at: datetime | None
    scheduled_at: datetime
    lease_token: str | None
    lease_expires_at: datetime | None
    intent_at: datetime | None
    failures: int


class Step(Enum):
    """What somebody who needs a token does next."""

    USE = "use"
    RENEW = "renew"
    WAIT = "wait"  # somebody else is at it
    HOLD_BACK = "hold_back"  # it was tried just now
    RECONNECT = "reconnect"
    REVOKED = "revoked"


class Storing(Enum):
    """What becomes of an answer that came in."""

    STORE = "store"
    WAIT = "wait"  # somebody else took over: whether there is anything newer is seen when they have ended
    DROP = "drop"


class Verdict(Enum):
    """What a renewal that failed says of the connection."""

    LATER = "later"  # nothing: it is tried again
    UNCERTAIN = "uncertain"  # it may have happened, and what came of it is lost; trying again tells
    MISCONFIGURED = "misconfigured"  # the app is refused, not the grant: it is tried again, and somebody has to look
    BROKEN = "broken"  # the customer has to connect again


def renewal(way: str, refresh: Refresh | None, fields: Set[str]) -> Renewal:
    """How a connection of `way` (`gateway.providers.ways`) is renewed, whose vault has `fields`. `refresh` is None
    where the catalogue has no such entry.
    """
    if way == "client_credentials":
        return Renewal.CLIENT_CREDENTIALS
    if way == "jwt_bearer":
        return Renewal.ASSERTION
    if way not in {"authorization_code", "device_code"}:
        return Renewal.NONE
    if refresh is None:
        return Renewal.UNKNOWN
    if not refresh.is_possible:
        return Renewal.NONE
    if refresh.swaps_access_token:
        return Renewal.EXCHANGE
    return Renewal.REFRESH_TOKEN if "refresh_token" in fields else Renewal.NONE


def loses_answers(way: Renewal, refresh: Refresh | None) -> bool:
    """Whether a refresh whose answer was lost may have used up the refresh token."""
    return way is Renewal.REFRESH_TOKEN and refresh is not None and refresh.style not in REPEATABLE


def good_until(seen: Seen) -> datetime | None:
    """Until when the access token is used without looking for another; None: it does not end."""
    if seen.access_expires_at is None:
        return None
    half = (seen.access_expires_at - seen.got_at) / 2
    return seen.access_expires_at - max(timedelta(0), min(timedelta(seconds=EARLY_SECONDS), half))


def is_good(seen: Seen, now: datetime) -> bool:
    """Whether the access token is not near its end."""
    until = good_until(seen)
    return until is None or now < until


def is_alive(seen: Seen, now: datetime) -> bool:
    """Whether a call with the access token would still arrive in its time."""
    return seen.access_expires_at is None or now < seen.access_expires_at - timedelta(seconds=ON_THE_WAY_SECONDS)


def is_held(seen: Seen, now: datetime) -> bool:
    """Whether somebody has the right to renew it now. One that ends later than any can is of a clock that was set."""
    if seen.lease_token is None or seen.lease_expires_at is None:
        return False
    return now < seen.lease_expires_at <= now + timedelta(seconds=LEASE_SECONDS + CLOCK_TOLERANCE_SECONDS)


def next_step(seen: Seen, now: datetime, way: Renewal, *, must_renew: bool, is_patient: bool = False) -> Step:
    """What follows for who needs a token, or one other than it has (`must_renew`). `is_patient` waits for `refresh_at`
    after a failure.
    """
    if seen.state is ConnectionState.REVOKED:
        return Step.REVOKED
    if seen.state is ConnectionState.NEEDS_REAUTH:
        return Step.RECONNECT
    if not must_renew and is_good(seen, now):
        return Step.USE
    if way is Renewal.NONE:
        return Step.USE if is_alive(seen, now) else Step.RENEW
    may_use = not must_renew and is_alive(seen, now)
    if is_held(seen, now):
        return Step.USE if may_use else Step.WAIT
    if now < next_try_at(seen, is_patient=is_patient):
        return Step.USE if may_use else Step.HOLD_BACK
    return Step.RENEW


def next_try_at(seen: Seen, *, is_patient: bool = False) -> datetime:
    """After failures in a row: when it is tried again. Without any, that was at the beginning of time."""
    if not seen.failures or seen.refresh_at is None:
        return seen.scheduled_at - timedelta(days=1)
    soon = seen.scheduled_at + timedelta(seconds=IMPATIENT_SECONDS)
    return seen.refresh_at if is_patient else min(seen.refresh_at, soon)


def storing(seen: Seen, lease_token: str, version: int) -> Storing:
    """What becomes of an answer for who held `lease_token` and read `version`.

    What is newer is never written over. Where nothing is, and nobody is at it any more, an answer that came late is
    the newest token that there is.
    """
    if seen.state is ConnectionState.REVOKED or seen.version != version:
        return Storing.DROP
    if seen.lease_token in {lease_token, None}:
        return Storing.STORE
    return Storing.WAIT


def verdict(error: GatewayError, *, failures: int, loses: bool) -> Verdict:
    """What `error` says of a connection with so many failures before it; `loses` as `loses_answers` has it."""
    if isinstance(error, ProviderRefused):
        return _refusal(error.error.lower(), failures)
    if isinstance(error, ProviderAnswerInvalid) and loses:
        return Verdict.UNCERTAIN
    if isinstance(error, ProviderUnavailable) and error.was_sent and loses:
        return Verdict.UNCERTAIN
    return Verdict.LATER


def _refusal(error: str, failures: int) -> Verdict:
    if error in BROKEN:
        return Verdict.BROKEN
    if error in MISCONFIGURED:
        return Verdict.MISCONFIGURED
    if error in TRANSIENT or failures + 1 < REFUSALS:
        return Verdict.LATER
    return Verdict.BROKEN


def retry_seconds(failures: int, random: Callable[[], float], *, asked_seconds: float | None = None) -> float:
    """How long to wait after `failures` in a row, the last one counted. `asked_seconds` is what the provider said,
    `random` gives numbers from 0 to 1.
    """
    base = RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1]
    if asked_seconds is not None:
        base = max(base, min(asked_seconds, LONGEST_RETRY_SECONDS))
        # Not before it said.
        return base * (1 + SPREAD * random())
    return base * (1 - SPREAD + 2 * SPREAD * random())
