"""Evaluating JMESPath within bounds: a few characters, `[@,@]|[@,@]|…`, can double a value with each step.

What all expressions may do with one event grows with its body, so that no honest ones come near. Steps are visits of
nodes.
What is made counts as often as it stands in the value, as it would if that were written out.

Counting costs several times what evaluating does. So it is left to expressions of which it cannot be seen beforehand
(`growth`) that they stay within bounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jmespath import Options
from jmespath.visitor import TreeInterpreter

STEPS = 20_000
STEPS_A_BYTE = 20
MADE_BYTES = 2 * 1024 * 1024
MADE_BYTES_A_BYTE = 16
_SCALAR_BYTES = 8
PLAIN_GROWTH = 32
"""Of an expression that is evaluated without counting."""
# An escape in JSON has six characters.
_ESCAPED = 6
_ONTO_EACH = frozenset({"filter_projection", "projection", "value_projection"})
_CHAINS = frozenset({"index_expression", "pipe", "subexpression"})


class BeyondBounds(Exception):
    """The expression does more than it may."""


@dataclass(slots=True)
class Budget:
    """What is left of steps, and of bytes that may be made."""

    steps: int
    made_bytes: int


def budget_for(body_bytes: int) -> Budget:
    """What all expressions together may do with an event that has so large a body. Pure."""
    return Budget(STEPS + STEPS_A_BYTE * body_bytes, MADE_BYTES + MADE_BYTES_A_BYTE * body_bytes)


class BoundedInterpreter(TreeInterpreter):
    """For one evaluation, which takes from `budget`. Raises `BeyondBounds`."""

    def __init__(self, options: Options, budget: Budget) -> None:
        super().__init__(options)
        self._budget = budget
        # What was made, by its identity, which is its own for as long as it is here.
        self._made: dict[int, tuple[int, Any]] = {}

    def visit(self, node: Any, *args: Any, **named: Any) -> Any:
        self._budget.steps -= 1
        if self._budget.steps < 0:
            raise BeyondBounds
        return super().visit(node, *args, **named)

    def visit_multi_select_list(self, node: Any, value: Any) -> Any:
        return self._weighed(super().visit_multi_select_list(node, value))

    def visit_multi_select_dict(self, node: Any, value: Any) -> Any:
        return self._weighed(super().visit_multi_select_dict(node, value))

    def visit_projection(self, node: Any, value: Any) -> Any:
        return self._weighed(super().visit_projection(node, value))

    def visit_value_projection(self, node: Any, value: Any) -> Any:
        return self._weighed(super().visit_value_projection(node, value))

    def visit_filter_projection(self, node: Any, value: Any) -> Any:
        return self._weighed(super().visit_filter_projection(node, value))

    def visit_flatten(self, node: Any, value: Any) -> Any:
        return self._weighed(super().visit_flatten(node, value))

    def visit_slice(self, node: Any, value: Any) -> Any:
        return self._weighed(super().visit_slice(node, value))

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        return self._weighed(super().visit_function_expression(node, value))

    def _weighed(self, value: Any) -> Any:
        if isinstance(value, list | dict):
            if id(value) not in self._made:
                self._made[id(value)] = self._weight(value), value
        elif isinstance(value, str):
            self._spend(len(value))
        return value

    def _weight(self, value: Any) -> int:
        """What `value` has when it is written out, which is spent."""
        if isinstance(value, str):
            return self._spend(len(value) + 2)
        if not isinstance(value, list | dict):
            return self._spend(_SCALAR_BYTES)
        made = self._made.get(id(value))
        if made is not None:
            return self._spend(made[0])
        if isinstance(value, list):
            return self._spend(2) + sum(map(self._weight, value))
        return self._spend(2 + sum(map(len, value))) + sum(map(self._weight, value.values()))

    def _spend(self, size: int) -> int:
        self._budget.made_bytes -= size
        if self._budget.made_bytes < 0:
            raise BeyondBounds
        return size


def growth(node: Mapping[str, Any]) -> float:
    """How many times as large as the body, or as the expression, a value can be that `node` makes; infinite where that
    cannot be told. Pure.
    """
    type_, children = node["type"], [child for child in node["children"] if isinstance(child, Mapping)]
    if type_ == "literal":
        # Lists that are written out are gone through anew for each element of another.
        return math.inf if isinstance(node["value"], list | dict) else 1
    if type_ == "function_expression":
        return _growth_of_call(node["value"], children)
    grown = [growth(child) for child in children]
    if type_ in _CHAINS or type_ in _ONTO_EACH:
        return math.prod(grown)
    return max(1, sum(grown) if type_.startswith("multi_select") else max(grown, default=1))


def _growth_of_call(name: str, arguments: list[Mapping[str, Any]]) -> float:
    if name == "join" and len(arguments) == 2:
        separator = arguments[0]
        if separator["type"] != "literal" or not isinstance(separator["value"], str):
            return math.inf
        return growth(arguments[1]) * (1 + len(separator["value"]))
    if name == "contains" and arguments and arguments[0]["type"] == "literal":
        # A list that is written out and only looked into.
        arguments = arguments[1:]
    grown = [growth(argument) for argument in arguments]
    if name == "to_string":
        return _ESCAPED * math.prod(grown)
    # Each element of one argument is given to the other, or else they are put together.
    return max(1, math.prod(grown) if name == "map" or name.endswith("_by") else sum(grown))
