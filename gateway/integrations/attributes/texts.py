"""Values of attributes from the texts that a command line has: `port=8123`, `tags=a,b`, `map={"a": 1}`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.errors import Fault
from gateway.integrations.attributes.attribute import Attribute, AttributeKind
from gateway.integrations.attributes.judging import CONFIGURATION, raise_faults
from gateway.strict_yaml import load_strictly

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


def from_texts(attributes: Sequence[Attribute], given: Mapping[str, str]) -> dict[str, Any]:
    """`given` as values of the attributes' kinds; an empty text is None, which takes a value away. What is no attribute
    stays as it is, for whoever judges it.

    Raises `InvalidInput` with all that cannot be read.
    """
    by_key = {one.key: one for one in attributes}
    values: dict[str, Any] = {}
    faults = []
    for key, text in given.items():
        attribute = by_key.get(key)
        reader = None if attribute is None else _READERS.get(attribute.kind)
        try:
            values[key] = None if text == "" else text if reader is None else reader(text)
        except ValueError as error:
            label = key if attribute is None else attribute.label
            faults.append(Fault(f"{CONFIGURATION}.{key}", "malformed", f"{label} {error}"))
    raise_faults(faults)
    return values


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("is no whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("is no number") from None


def _boolean(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("is neither true nor false")


def _list(text: str) -> list[Any]:
    if text.lstrip().startswith("["):
        found = _document(text)
        if isinstance(found, list):
            return found
        raise ValueError("is no list")
    return [one.strip() for one in text.split(",") if one.strip()]


def _mapping(text: str) -> dict[str, Any]:
    found = _document(text)
    if not isinstance(found, dict):
        raise ValueError("is no object: write it as JSON or YAML")
    return found


def _document(text: str) -> Any:
    try:
        return load_strictly(text)
    except ValueError as error:
        raise ValueError(f"is {error}") from error


_READERS: Mapping[AttributeKind, Callable[[str], Any]] = {
    AttributeKind.INTEGER: _integer,
    AttributeKind.NUMBER: _number,
    AttributeKind.BOOLEAN: _boolean,
    AttributeKind.LIST: _list,
    AttributeKind.MAPPING: _mapping,
}
