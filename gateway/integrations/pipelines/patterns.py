"""Patterns of rules: regular expressions that cannot take for ever, whatever text they meet. Pure."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, Final

from gateway.errors import InvalidInput

# What the interpreter itself makes of an expression before it compiles it: nobody reads them as it does.
codes: Any = import_module("re._constants")
parser: Any = import_module("re._parser")

LONGEST_PATTERN: Final = 200
LONGEST_TEXT: Final = 256
"""Of what is compared; what is longer does not match."""
MOST_WAYS: Final = LONGEST_TEXT**3
"""In which a text may be tried: three repetitions without an end, or as many ways by less."""

_REPEATS: Final = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
_PLAIN: Final = (codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN)


def compile_pattern(text: str) -> re.Pattern[str]:
    """Compile `text`, for the whole of a value. Raises `InvalidInput` also for what could take for ever."""
    if len(text) > LONGEST_PATTERN:
        raise InvalidInput(f"a pattern has {LONGEST_PATTERN} characters at most")
    try:
        parsed = parser.parse(text)
        compiled = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise InvalidInput(f"{text!r} is no regular expression: {error}") from error
    if _ways(parsed) > MOST_WAYS:
        raise InvalidInput(f"{text!r} repeats too much: three repetitions without an end are the most")
    return compiled


def matches(pattern: re.Pattern[str], text: str) -> bool:
    """Whether all of `text` is as the pattern says."""
    return len(text) <= LONGEST_TEXT and pattern.fullmatch(text) is not None


def _ways(parsed: Any) -> int:
    """In how many ways a text may be tried, at most. Raises `InvalidInput` for repetitions of more than a character."""
    ways = 1
    for code, argument in parsed:
        if code in _REPEATS:
            least, most, inner = argument
            if most > 1 and any(one not in _PLAIN for one, _ in inner):
                raise InvalidInput("only single characters and sets of them are repeated: no groups")
            ways *= min(int(most) - int(least) + 1, LONGEST_TEXT) * _ways(inner)
        elif code is codes.SUBPATTERN:
            ways *= _ways(argument[-1])
        elif code is codes.BRANCH:
            ways *= sum(_ways(one) for one in argument[1])
        elif code not in (*_PLAIN, codes.AT):
            raise InvalidInput("a pattern looks neither ahead nor back")
    return ways
