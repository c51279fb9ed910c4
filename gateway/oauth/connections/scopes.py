"""Scopes that were granted against those that were asked for. Pure.

Providers tell them in other words than they were asked for: GitHub leaves out what a broader scope covers, Google and
Microsoft write URLs for short names, and most say nothing of scopes that are OpenID Connect's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

# Whether they were granted shows in what came: an ID token, a refresh token (OpenID Connect Core, 5.4 and 11).
UNTOLD = frozenset({"openid", "offline_access"})
# A scope for another parameter (`protocol.scopes`): of the person's own token, or one that may be refused.
_ELSEWHERE = re.compile(r"\w+=", re.ASCII)
# A level covers those behind it: `admin:org` covers `read:org`.
LEVELS = ("admin", "write", "read")


def missing(asked: Sequence[str], granted: Sequence[str] | None) -> tuple[str, ...]:
    """Those of `asked` that `granted` does not cover, in their order. None: the provider does not say, and those asked
    for hold (RFC 6749, 5.1).
    """
    if granted is None:
        return ()
    known = {short(scope) for scope in granted}
    told = (scope for scope in asked if scope not in UNTOLD and not _ELSEWHERE.match(scope))
    return tuple(scope for scope in told if known.isdisjoint(_covering(short(scope))))


def short(scope: str) -> str:
    """The name by which two spellings of one scope are compared."""
    last = scope.strip().rstrip("/").rpartition("/")[2] if "://" in scope else scope.strip()
    return last.removeprefix("userinfo.").lower()


def _covering(scope: str) -> Iterator[str]:
    """`scope`, and all that would include it."""
    yield scope
    level, separator, rest = scope.partition(":")
    if separator and level in LEVELS:
        yield from (f"{higher}:{rest}" for higher in LEVELS[: LEVELS.index(level)])
        return
    while separator:
        scope, separator, _ = scope.rpartition(":")
        if scope:
            yield scope
