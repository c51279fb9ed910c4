"""JMESPath over records: plain paths, which tell absent from null, and expressions, which are evaluated within bounds.

Pure. What goes wrong is said without what it went wrong on: that may be somebody's data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError, JMESPathTypeError

from gateway.delivery.decisions.bounded_evaluation import (
    PLAIN_GROWTH,
    BeyondBounds,
    BoundedInterpreter,
    budget_for,
    growth,
)
from gateway.delivery.decisions.expression_check import call_faults
from gateway.delivery.decisions.expressions import Expression
from gateway.errors import InvalidInput

ABSENT: Final[Any] = object()
"""What stands nowhere in a record; null does."""
LARGEST_RECORD_BYTES: Final = 262_144
"""What the bounds of an expression are taken from; whole records are not measured for that."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_OPTIONS = jmespath.Options(custom_functions=functions.Functions())


class PathFailed(Exception):
    """An expression could not be applied; the message says why, without the record's contents."""


@dataclass(frozen=True, slots=True)
class RecordPath:
    """A compiled path or expression; `text` is how it was written. `steps` are those of a plain path, else empty."""

    text: str
    steps: tuple[str, ...]
    _parsed: Any
    _is_small: bool

    def of(self, record: Any) -> Any:
        """What stands there; `ABSENT` where a plain path leads nowhere. Raises `PathFailed`."""
        if self.steps:
            return _at(record, self.steps)
        try:
            if self._is_small:
                return self._parsed.search(record, _OPTIONS)
            return BoundedInterpreter(_OPTIONS, budget_for(LARGEST_RECORD_BYTES)).visit(self._parsed.parsed, record)
        except BeyondBounds as error:
            raise PathFailed("it makes too much of this record") from error
        except JMESPathTypeError as error:
            expected = " or ".join(error.expected_types)
            raise PathFailed(f"{error.function_name}() takes {expected}, not {error.actual_type}") from error
        except (JMESPathError, ValueError, TypeError, ArithmeticError, AttributeError, LookupError) as error:
            raise PathFailed(type(error).__name__) from error
        except RecursionError as error:
            raise PathFailed("it is nested too deeply") from error

    def check_calls(self) -> None:
        """Raises `InvalidInput` for calls of functions that do not exist, or take other arguments."""
        if self.steps:
            return
        for name in _called(self._parsed.parsed):
            if name not in functions.Functions.FUNCTION_TABLE:
                raise InvalidInput(f"calls {name}(), and there is no such function")
        for fault in call_faults("", Expression(self.text, self._parsed, self._is_small), what="it"):
            raise InvalidInput(fault.message.removeprefix("it "))


def compile_path(text: str) -> RecordPath:
    """Compile `text`. Raises `InvalidInput`."""
    if text and _PLAIN.fullmatch(text):
        return RecordPath(text, tuple(text.split(".")), None, True)
    try:
        parsed = jmespath.compile(text)
        return RecordPath(text, (), parsed, growth(parsed.parsed) <= PLAIN_GROWTH)
    except RecursionError as error:
        raise InvalidInput("the path is nested too deeply") from error
    except JMESPathError as error:
        raise InvalidInput(f"{text!r} is no JMESPath: {str(error).strip()}") from error


def present(value: Any) -> Any:
    """`value`, None where there is none."""
    return None if value is ABSENT else value


def word_of(value: object) -> str:
    """A system's word as text: `true` and `false` as JSON writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _called(node: Any) -> Iterator[str]:
    """The names of the functions that an expression calls."""
    if node["type"] == "function_expression":
        yield str(node["value"])
    for child in node["children"]:
        if isinstance(child, Mapping):
            yield from _called(child)


def _at(record: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        # JSON's objects are dicts, which is quicker to see than whether something is a mapping.
        if not isinstance(record, dict) or step not in record:
            return ABSENT
        record = record[step]
    return record
