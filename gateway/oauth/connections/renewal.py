"""When the tokens of a connection are renewed next. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from gateway.providers.oauth.model import OAuth

# A token is renewed when this part of its life is over, each a little earlier or later: what was connected in one
# minute is not refreshed in one minute.
PART_OF_LIFE = 0.8
JITTER = 0.05
# So much is left for retries, where the token lives long enough.
MARGIN = timedelta(seconds=60)
OBTAINED_ANEW = frozenset({"client_credentials", "jwt_bearer"})
"""Ways in which the app credentials or a key get the next token: nothing has to be kept for it."""


def can_renew(oauth: OAuth, way: str, *, has_refresh_token: bool) -> bool:
    """Whether another access token can be had without anybody's help."""
    if way in OBTAINED_ANEW:
        return True
    return oauth.refresh.is_possible and (has_refresh_token or oauth.refresh.swaps_access_token)


def refresh_at(
    oauth: OAuth, *, now: datetime, expires_at: datetime | None, is_renewable: bool, keeps_alive: bool, chance: float
) -> datetime | None:
    """The instant of the next refresh, None for none: the token does not end as far as is known. One that cannot be
    renewed is looked after when it has ended.

    `keeps_alive`: there is a refresh token, which may die unused. `chance` is from 0 to 1.
    """
    if not is_renewable:
        return expires_at
    part = PART_OF_LIFE + JITTER * (2 * chance - 1)
    found = [*_before_the_end(oauth, now, expires_at, part), *(_before_idle(oauth, now, part) if keeps_alive else ())]
    return min(found, default=None)


def _before_the_end(oauth: OAuth, now: datetime, end: datetime | None, part: float) -> Iterator[datetime]:
    if end is None:
        return
    life = max(end - now, timedelta(0))
    if (last := oauth.refresh.last_seconds) is not None:
        # Earlier, the provider refuses.
        yield max(now, end - timedelta(seconds=last) * part)
        return
    yield now + max(min(life * part, life - MARGIN), life / 2)


def _before_idle(oauth: OAuth, now: datetime, part: float) -> Iterator[datetime]:
    if oauth.refresh.idle_seconds is not None:
        yield now + timedelta(seconds=oauth.refresh.idle_seconds) * part
