"""What has to hold for the records of a pipeline, field by field: read from data, and judged. Pure but for what only a
database knows (`unique`, `reference`), which is asked elsewhere and told by the faults made here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import Fault, Hint, InvalidInput
from gateway.integrations.pipelines.patterns import compile_pattern, matches
from gateway.suggestions import suggest

REQUIRED: Final = "required"
RANGE: Final = "range"
PATTERN: Final = "pattern"
UNIQUE: Final = "unique"
REFERENCE: Final = "reference"
NAMES: Final = (REQUIRED, RANGE, PATTERN, UNIQUE, REFERENCE)
"""The rules, as thresholds and quarantine name them."""

_MEMBERS: Final = ("required", "minimum", "maximum", "pattern", "unique", "reference")


@dataclass(frozen=True, slots=True)
class Reference:
    """What a value is the external id of: an entity of this kind that an integration has."""

    integration: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What has to hold for one field."""

    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    pattern: re.Pattern[str] | None = None
    unique: bool = False
    reference: Reference | None = None


def read_rules(given: Mapping[str, Any], *, key: str | None) -> dict[str, Rule]:
    """The rules by field; the key is required and unique whatever they say. Raises `InvalidInput` with all faults."""
    faults: list[Fault] = []
    rules: dict[str, Rule] = {}
    for name, members in given.items():
        found = list(_faults(name, members))
        faults += found
        if not found:
            rules[name] = _rule(members)
    if faults:
        raise InvalidInput(faults=faults)
    if key is not None:
        asked = rules.get(key, Rule())
        rules[key] = Rule(
            required=True,
            minimum=asked.minimum,
            maximum=asked.maximum,
            pattern=asked.pattern,
            unique=True,
            reference=asked.reference,
        )
    return rules


def judge(values: Mapping[str, Any], rules: Mapping[str, Rule]) -> list[Fault]:
    """What is wrong with a record by itself."""
    return [fault for name, rule in rules.items() for fault in _judged(name, values.get(name), rule)]


def not_unique(name: str) -> Fault:
    """Another record has this value."""
    return Fault(f"/{name}", UNIQUE, f"{name}: another record has the same value")


def no_reference(name: str, reference: Reference) -> Fault:
    """What it refers to is not there."""
    message = f"{name}: {reference.integration} has no {reference.kind} of this id"
    return Fault(f"/{name}", REFERENCE, message)


def is_empty(value: Any) -> bool:
    """Whether nothing is given."""
    return value is None or value in ("", [], {})


def _judged(name: str, value: Any, rule: Rule) -> Iterator[Fault]:
    if is_empty(value):
        if rule.required:
            yield Fault(f"/{name}", REQUIRED, f"{name} is missing")
        return
    if rule.minimum is not None or rule.maximum is not None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number:
            yield Fault(f"/{name}", RANGE, f"{name} is no number")
        elif rule.minimum is not None and value < rule.minimum:
            yield Fault(f"/{name}", RANGE, f"{name} is less than {rule.minimum:g}")
        elif rule.maximum is not None and value > rule.maximum:
            yield Fault(f"/{name}", RANGE, f"{name} is more than {rule.maximum:g}")
    if rule.pattern is not None and not (isinstance(value, str) and matches(rule.pattern, value)):
        yield Fault(f"/{name}", PATTERN, f"{name} is not like {rule.pattern.pattern}")
    if (rule.unique or rule.reference is not None) and not isinstance(value, str | int):
        yield Fault(f"/{name}", UNIQUE if rule.unique else REFERENCE, f"{name} is neither a text nor a whole number")


def _faults(name: str, members: Any) -> Iterator[Fault]:
    where = f"rules.{name}"
    if not isinstance(members, Mapping) or not members:
        yield Fault(where, "malformed", f"the rules of {name} are an object with one of {', '.join(_MEMBERS)}")
        return
    for member, value in members.items():
        if member not in _MEMBERS:
            hint = suggest(str(member), _MEMBERS, Hint("choose_one_of", {"names": list(_MEMBERS)}))
            yield Fault(f"{where}.{member}", "unknown", f"there is no rule {member!r}", hint=hint)
        elif (reason := _reason(member, value)) is not None:
            yield Fault(f"{where}.{member}", "malformed", f"{member} {reason}")


def _reason(member: str, value: Any) -> str | None:
    """What is wrong with a member."""
    if member in ("required", "unique"):
        return None if isinstance(value, bool) else "is neither true nor false"
    if member in ("minimum", "maximum"):
        return None if isinstance(value, int | float) and not isinstance(value, bool) else "is no number"
    if member == "reference":
        is_whole = isinstance(value, Mapping) and set(value) == {"integration", "kind"}
        is_text = is_whole and all(isinstance(one, str) and one for one in value.values())
        return None if is_text else "has to have integration and kind"
    try:
        compile_pattern(value if isinstance(value, str) else "(")
    except InvalidInput as error:
        return f"cannot be used: {error}"
    return None


def _rule(members: Mapping[str, Any]) -> Rule:
    reference, pattern = members.get("reference"), members.get("pattern")
    return Rule(
        required=members.get("required", False),
        minimum=members.get("minimum"),
        maximum=members.get("maximum"),
        pattern=None if pattern is None else compile_pattern(pattern),
        unique=members.get("unique", False),
        reference=None if reference is None else Reference(reference["integration"], reference["kind"]),
    )
