"""Attributes as data, from which forms are made: what the API gives, and the command line prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.integrations.attributes.attribute import Attribute


def form_of(attributes: Sequence[Attribute]) -> list[Mapping[str, Any]]:
    """One object for each attribute, in the type's order; each has all members, null where nothing is said."""
    return [
        {
            "key": one.key,
            "label": one.label,
            "kind": one.kind.value,
            "help": one.help,
            "required": one.required,
            "unless_connected": one.unless_connected,
            "secret": one.is_secret,
            "default": one.default,
            "minimum": one.minimum,
            "maximum": one.maximum,
            "choices": list(one.choices),
            "pattern": one.pattern,
            "example": one.example,
        }
        for one in attributes
    ]
