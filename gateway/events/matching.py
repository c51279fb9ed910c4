"""Whether an event is one of those that are wanted, told without the database. `search` has the same as clauses."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate

from gateway.errors import InvalidInput

Matcher = Callable[[str, str | None], bool]
"""Of an event's source and type: whether it is wanted."""


def matcher(source: str | None, type_: str | None) -> Matcher:
    """What `EventFilter` means by these two; case counts, and an event without a type has no pattern that matches it.

    Raises `InvalidInput`.
    """
    if type_ is None:
        return lambda its_source, _type: source is None or its_source == source
    require_pattern(type_)
    expressions = [translate(type_)]
    if type_.endswith(".*"):
        expressions.append(translate(type_.removesuffix(".*")))
    match = re.compile("|".join(expressions)).match

    def matches(its_source: str, its_type: str | None) -> bool:
        if its_type is None or (source is not None and its_source != source):
            return False
        return match(its_type) is not None

    return matches


def require_pattern(pattern: str) -> None:
    """Raises `InvalidInput` unless `pattern` is an event type or a pattern of one."""
    if "[" in pattern:
        raise InvalidInput.at("type", "malformed", "an event type's pattern may hold * and ?, but no brackets")
