"""What somebody may have meant who wrote a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from gateway.errors import Hint

MAX_NAME_CHARACTERS = 256


def suggest(name: str, known: Iterable[str], otherwise: Hint, *, at_most: int = 1) -> Hint:
    """The hint `did_you_mean` with those of `known` that `name` is nearly; `otherwise` when it is none. Pure."""
    near = _close(name, known, at_most, 0.6)
    return Hint("did_you_mean", {"names": near}) if near else otherwise


def nearly(name: str, known: Iterable[str], *, at_most: int = 2) -> str | None:
    """The one of `known` from which `name` differs by at most so many letters, and which it is not itself. Pure."""
    names = set(known)
    if name in names:
        return None
    near = _close(name, sorted(names), 5, 0.75)
    return next((one for one in near if _distance(name, one) <= at_most), None)


def _close(name: str, known: Iterable[str], most: int, cutoff: float) -> list[str]:
    # Names are short. What is not takes long to compare, and is none that somebody mistyped.
    return get_close_matches(name, list(known), n=most, cutoff=cutoff) if len(name) <= MAX_NAME_CHARACTERS else []


def _distance(one: str, other: str) -> int:
    """How many letters have to be put in, left out or replaced to make one of the other (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, wanted in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (letter != wanted))
    return row[-1]
