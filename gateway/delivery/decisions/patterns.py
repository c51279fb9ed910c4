"""Event-type patterns: globs in which `x.*` also matches plain `x`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from functools import lru_cache


def compile_patterns(patterns: Sequence[str]) -> Callable[[str | None], bool]:
    """A predicate over event types; case counts. An event without a type is matched by `*` only."""
    return _compiled(tuple(patterns))


# Many routes of many tenants have the same few.
@lru_cache(maxsize=4096)
def _compiled(patterns: tuple[str, ...]) -> Callable[[str | None], bool]:
    if not patterns or "*" in patterns:
        return lambda event_type: True
    expressions = [translate(pattern) for pattern in patterns]
    # `pull_request.*` reads as "everything about pull requests", and some vendors send the bare noun as the type.
    expressions += [translate(pattern[:-2]) for pattern in patterns if pattern.endswith(".*")]
    match = re.compile("|".join(expressions)).match
    return lambda event_type: event_type is not None and match(event_type) is not None
