"""What somebody may have meant who wrote a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from gateway.errors import Hint


def suggest(name: str, known: Iterable[str], otherwise: Hint, *, at_most: int = 1) -> Hint:
    """The hint `did_you_mean` with those of `known` that `name` is nearly; `otherwise` when it is none. Pure."""
    near = get_close_matches(name, list(known), n=at_most)
    return Hint("did_you_mean", {"names": near}) if near else otherwise
