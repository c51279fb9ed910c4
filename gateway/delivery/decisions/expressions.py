"""JMESPath over an event: filters, transforms and ordering keys (https://jmespath.org/specification.html).

The expression sees the event's body as data, as `gateway.content.data` reads it. Beside JMESPath's own
functions there are `event_type()`, `event_id()`, `source()` and `header('name')`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError, JMESPathTypeError, UnknownFunctionError
from jmespath.parser import ParsedResult

from gateway.content.data import NotData, data_of
from gateway.delivery.decisions.bounded_evaluation import (
    MADE_BYTES,
    PLAIN_GROWTH,
    BeyondBounds,
    BoundedInterpreter,
    Budget,
    budget_for,
    growth,
)
from gateway.errors import InvalidInput


class ExpressionFailed(Exception):
    """An expression could not be applied to an event; the message says why, without the event's contents."""


@dataclass
class Subject:
    """What expressions are applied to. `data` is parsed once, when first needed."""

    event_id: str
    event_type: str | None
    source: str
    content_type: str | None
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @cached_property
    def data(self) -> Any:
        """The body as data. Raises `ExpressionFailed` when it is neither JSON nor a form, or has too many values."""
        try:
            return data_of(self.content_type, self.body)
        except NotData as error:
            raise ExpressionFailed(f"the body {error}") from error

    @cached_property
    def budget(self) -> Budget:
        """What all expressions together may still do with it."""
        return budget_for(len(self.body))


class EventFunctions(functions.Functions):
    """JMESPath's functions, and those that look at the event around the body."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self._subject = subject

    @functions.signature()
    def _func_event_type(self) -> str | None:
        return self._subject.event_type

    @functions.signature()
    def _func_event_id(self) -> str:
        return self._subject.event_id

    @functions.signature()
    def _func_source(self) -> str:
        return self._subject.source

    @functions.signature({"types": ["string"]})
    def _func_header(self, name: str) -> str | None:
        return next((value for key, value in self._subject.headers if key.lower() == name.lower()), None)

    @functions.signature({"types": ["string"]}, {"types": ["array-string"]})
    def _func_join(self, separator: str, array: list[str]) -> str:
        # The one function that gives more than its arguments have together.
        if len(separator) * len(array) > MADE_BYTES:
            raise BeyondBounds
        return separator.join(array)


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression; `text` is how the operator wrote it. `is_plain`: it cannot make much of an event."""

    text: str
    _parsed: ParsedResult
    is_plain: bool

    @property
    def tree(self) -> Mapping[str, Any]:
        """What was parsed, as the library has it: `type`, `children` and `value` of each node."""
        return self._parsed.parsed

    def apply(self, subject: Subject) -> Any:
        """The expression's value. Raises `ExpressionFailed`."""
        data = subject.data
        options = jmespath.Options(custom_functions=EventFunctions(subject))
        try:
            if self.is_plain:
                return self._parsed.search(data, options)
            return BoundedInterpreter(options, subject.budget).visit(self.tree, data)
        except BeyondBounds as error:
            raise ExpressionFailed(f"{self.text[:200]!r} failed: it makes too much of this event") from error
        except (JMESPathError, ValueError, TypeError, ArithmeticError, AttributeError, RecursionError) as error:
            raise ExpressionFailed(f"{self.text[:200]!r} failed: {_cause(error)}") from error


@dataclass(frozen=True, slots=True)
class BrokenExpression:
    """Stands for a stored expression that cannot be compiled: it fails on every event. `detail` says why."""

    detail: str

    def apply(self, _subject: Subject) -> Any:
        """Raises `ExpressionFailed`."""
        raise ExpressionFailed(self.detail)


def _cause(error: Exception) -> str:
    """What went wrong, never with the value it went wrong on: that is the event's content."""
    if isinstance(error, JMESPathTypeError):
        expected = " or ".join(error.expected_types)
        return f"{error.function_name}() takes {expected}, not {error.actual_type}"
    if isinstance(error, UnknownFunctionError):
        return str(error)
    return type(error).__name__


def compile_expression(text: str, *, what: str) -> Expression:
    """Compile `text`; `what` names it in the error. Raises `InvalidInput` that points at the fault.

    What it calls is not looked at: see `expression_check`.
    """
    try:
        parsed = jmespath.compile(text)
        return Expression(text, parsed, growth(parsed.parsed) <= PLAIN_GROWTH)
    except RecursionError as error:
        raise InvalidInput(f"{what} is nested too deeply") from error
    except JMESPathError as error:
        raise InvalidInput(f"{what} is not valid JMESPath: {str(error).strip()}") from error
