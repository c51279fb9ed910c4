"""When a token ends, by what its answer says and what the entry knows. Pure.

Providers say it in many ways, some of them wrong: as a text, as 0, in milliseconds, as an instant where seconds are
due. What makes no sense counts as not said: a token that is refreshed too late is refreshed after a refusal, one that
is said to have ended already would be refreshed for ever.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gateway.clock import MICROSECONDS, to_us
from gateway.providers.oauth.model import OAuth
from gateway.providers.oauth.parts import Lifetime

LONGEST_SECONDS: Final = 10 * 365 * 86_400
"""What is said to last longer does not end."""
_NUMBER = re.compile(r"\d{1,16}(?:\.\d{1,9})?", re.ASCII)


def access_expires_at_us(oauth: OAuth, said: Mapping[str, Any], *, now_us: int) -> int | None:
    """The end of the access token of a token object, in microseconds since the epoch; None: none that is known."""
    answer = oauth.answer
    if answer.expires == "absolute_iso":
        found = _instant(said.get(answer.expires_field), now_us)
    else:
        found = _after(said.get(answer.expires_field), oauth.access_lifetime, now_us)
        if found is None and answer.expires_at is not None:
            found = _after(said.get(answer.expires_at), Lifetime(), now_us)
    if found is not None:
        return found
    is_endless = answer.expires == "may_be_missing" and _is_missing(said.get(answer.expires_field))
    is_endless |= answer.expires == "missing_or_zero"
    seconds = oauth.access_lifetime.seconds
    return None if is_endless or seconds is None else now_us + seconds * MICROSECONDS


def refresh_expires_at_us(oauth: OAuth, said: Mapping[str, Any], *, now_us: int) -> int | None:
    """The end of the refresh token, where the answer says it; None where it does not."""
    name = oauth.refresh.lifetime_field
    return None if name is None else _after(said.get(name), Lifetime(seconds=oauth.refresh.lifetime_seconds), now_us)


def _after(value: object, usual: Lifetime, now_us: int) -> int | None:
    """`value` seconds from now. Milliseconds are told by what is usual, instants by being near to now."""
    seconds = _number(value)
    if seconds is None or seconds <= 0:
        return None
    now = now_us / MICROSECONDS
    for instant in (seconds, seconds / 1000):
        if now < instant <= now + LONGEST_SECONDS:
            return int(instant * MICROSECONDS)
    if usual.seconds is not None and 500 * usual.seconds <= seconds <= 2000 * usual.seconds:
        seconds /= 1000
    return None if seconds > LONGEST_SECONDS else now_us + int(seconds * MICROSECONDS)


def _instant(value: object, now_us: int) -> int | None:
    """An ISO 8601 time, of UTC where it names no zone."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.strip())
        found = to_us(at if at.tzinfo is not None else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
    return found if now_us < found <= now_us + LONGEST_SECONDS * MICROSECONDS else None


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) else None


def _is_missing(value: object) -> bool:
    return value is None or value == ""
