"""What can be said of an expression before it meets an event: functions that do not exist, wrong numbers of arguments,
and arguments that can never be what a function takes. Such an expression would fail on every event. Pure.

Judged against the library's own table of functions and our additions to it; what a value is follows the specification
(https://jmespath.org/specification.html#built-in-functions). What depends on the event is let pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.delivery.decisions.expressions import EventFunctions, Expression, compile_expression
from gateway.errors import Fault, Hint, InvalidInput
from gateway.suggestions import suggest

Node = Mapping[str, Any]
Kinds = frozenset[str]
"""What a value may be, as JMESPath calls it."""

# A long one is slow to parse.
MAX_CHARACTERS = 16_384

ANYTHING: Kinds = frozenset({"array", "boolean", "null", "number", "object", "string"})
EXPREF = "expref"
_ARRAY: Kinds = frozenset({"array"})
_BOOLEAN: Kinds = frozenset({"boolean"})
_NULL: Kinds = frozenset({"null"})
_NUMBER: Kinds = frozenset({"number"})
_STRING: Kinds = frozenset({"string"})

RESULTS: Mapping[str, Kinds] = {
    "abs": _NUMBER,
    "avg": _NUMBER | _NULL,
    "ceil": _NUMBER,
    "contains": _BOOLEAN,
    "ends_with": _BOOLEAN,
    "event_id": _STRING,
    "event_type": _STRING | _NULL,
    "floor": _NUMBER,
    "header": _STRING | _NULL,
    "join": _STRING,
    "keys": _ARRAY,
    "length": _NUMBER,
    "map": _ARRAY,
    "max": _NUMBER | _STRING | _NULL,
    "max_by": ANYTHING,
    "merge": frozenset({"object"}),
    "min": _NUMBER | _STRING | _NULL,
    "min_by": ANYTHING,
    "not_null": ANYTHING,
    "reverse": _ARRAY | _STRING,
    "sort": _ARRAY,
    "sort_by": _ARRAY,
    "source": _STRING,
    "starts_with": _BOOLEAN,
    "sum": _NUMBER,
    "to_array": _ARRAY,
    "to_number": _NUMBER | _NULL,
    "to_string": _STRING,
    "type": _STRING,
    "values": _ARRAY,
}
"""What each function gives."""

_NODES: Mapping[str, Kinds] = {
    "filter_projection": _ARRAY | _NULL,
    "flatten": _ARRAY | _NULL,
    "multi_select_dict": frozenset({"object", "null"}),
    "multi_select_list": _ARRAY | _NULL,
    "not_expression": _BOOLEAN,
    "projection": _ARRAY | _NULL,
    "slice": _ARRAY | _NULL,
    "value_projection": _ARRAY | _NULL,
}
_CHAINS = frozenset({"index_expression", "pipe", "subexpression"})


def expression_faults(field: str, text: str | None, *, what: str) -> Iterator[Fault]:
    """What is wrong with the expression `text` of `field`, which `what` names; nothing with None."""
    if text is None:
        return
    if len(text) > MAX_CHARACTERS:
        message = f"{what} is longer than {MAX_CHARACTERS} characters"
        yield Fault(field, "too_long", message, {"at_most": MAX_CHARACTERS})
        return
    try:
        expression = compile_expression(text, what=what)
    except InvalidInput as error:
        yield Fault(field, "malformed", str(error))
    else:
        yield from call_faults(field, expression, what=what)


def call_faults(field: str, expression: Expression, *, what: str) -> list[Fault]:
    """The same for one that is compiled: what it calls."""
    checker = _Checker(field, what)
    checker.kinds(expression.tree, ANYTHING)
    return checker.faults


class _Checker:
    """Walks a tree and finds for each node what it may be, given what the value is that it is applied to."""

    def __init__(self, field: str, what: str) -> None:
        self._field = field
        self._what = what
        self.faults: list[Fault] = []

    def kinds(self, node: Node, current: Kinds) -> Kinds:
        """What `node` may give; faults in it and below are added."""
        type_, children = node["type"], node["children"]
        if type_ == "literal":
            return frozenset({_kind(node["value"])})
        if type_ in ("current", "identity"):
            return current
        if type_ == "function_expression":
            return self._call(node, current)
        if type_ in _CHAINS:
            for child in children:
                current = self.kinds(child, current)
            return current
        if type_ == "expref":
            self._add("malformed", "has & before what is no argument of a function that takes an expression")
        # What the elements of a list are applied to is not known.
        inner = current if type_ in ("multi_select_dict", "multi_select_list", "key_val_pair") else ANYTHING
        if type_ in ("and_expression", "or_expression", "not_expression", "comparator"):
            inner = current
        found = [self.kinds(child, inner) for child in children if isinstance(child, Mapping)]
        if type_ in ("and_expression", "or_expression"):
            return frozenset().union(*found)
        if type_ == "comparator":
            return _BOOLEAN if node["value"] in ("eq", "ne") else _BOOLEAN | _NULL
        return _NODES.get(type_, ANYTHING)

    def _call(self, node: Node, current: Kinds) -> Kinds:
        name, arguments = node["value"], node["children"]
        entry = EventFunctions.FUNCTION_TABLE.get(name)
        if entry is None:
            hint = suggest(name, EventFunctions.FUNCTION_TABLE, Hint("list_functions"))
            self._add("unknown", f"calls {name}(), and there is no such function", hint)
        signature: Sequence[Mapping[str, Any]] = entry["signature"] if entry else ()
        if entry is not None:
            self._check_number(name, len(arguments), signature)
        for position, argument in enumerate(arguments):
            types = signature[min(position, len(signature) - 1)]["types"] if signature else ()
            self._check_argument(name, argument, current, types)
        return RESULTS.get(name, ANYTHING)

    def _check_number(self, name: str, given: int, signature: Sequence[Mapping[str, Any]]) -> None:
        is_variadic = bool(signature) and signature[-1].get("variadic", False)
        if given < len(signature) or (given > len(signature) and not is_variadic):
            least = "at least " if is_variadic else ""
            plural = "" if len(signature) == 1 else "s"
            self._add("malformed", f"calls {name}() with {given}: it takes {least}{len(signature)} argument{plural}")

    def _check_argument(self, name: str, argument: Node, current: Kinds, types: Sequence[str]) -> None:
        """`types` are the library's: `string`, `array-number`, …; empty for any."""
        if argument["type"] == "expref" and (EXPREF in types or not types):
            self.kinds(argument["children"][0], ANYTHING)
            if not types:
                self._add("malformed", f"calls {name}() with an expression (&): it takes a value")
            return
        given = self.kinds(argument, current)
        if types and argument["type"] != "expref" and not given & {type_.partition("-")[0] for type_ in types}:
            self._add("malformed", f"calls {name}() with {_or(given)}: it takes {_or(types)}")
            return
        of = {type_.partition("-")[2] for type_ in types} - {""}
        for element in self._elements(argument, current) if of else ():
            if not element & of:
                self._add("malformed", f"calls {name}() with an array that holds {_or(element)}: it takes {_or(types)}")

    def _elements(self, argument: Node, current: Kinds) -> Iterator[Kinds]:
        """What the elements of an array are that is written out."""
        if argument["type"] == "multi_select_list":
            # Their own faults have been found with the array.
            yield from (_Checker("", "").kinds(child, current) for child in argument["children"])
        elif argument["type"] == "literal" and isinstance(argument["value"], list):
            yield from (frozenset({_kind(element)}) for element in argument["value"])

    def _add(self, code: str, problem: str, hint: Hint | None = None) -> None:
        self.faults.append(Fault(self._field, code, f"{self._what} {problem}", hint=hint))


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _or(kinds: Sequence[str] | Kinds) -> str:
    names = [f"an array of {kind.partition('-')[2]}s" if "-" in kind else _NAMES.get(kind, kind) for kind in kinds]
    return " or ".join(sorted(names))


_NAMES: Mapping[str, str] = {
    "array": "an array",
    "boolean": "a boolean",
    EXPREF: "an expression (&)",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}
