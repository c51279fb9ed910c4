"""Whether an edit may be made: refused at the door is what its system would refuse for ever. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.entities.content import NotJson, canonical
from gateway.entities.external import Direction, ExternalResource
from gateway.entities.options import LARGEST_ENTITY_BYTES
from gateway.entities.rules import Rules
from gateway.errors import Conflict, Fault, Hint, InvalidInput
from gateway.suggestions import nearly

LONGEST_NAME = 255


def require_writable(resource: ExternalResource, rules: Rules, operation: str, integration: str) -> None:
    """Raises `Conflict` where the system takes no such change, or none is sent to it."""
    if not rules.options.is_pushing:
        raise Conflict(f"{integration} sends no changes: it only reads")
    if operation not in resource.abilities.writes:
        raise Conflict(f"{integration} takes no {operation} of {resource.kind}")


def require_fields(fields: Mapping[str, Any], attributes: Mapping[str, Any], rules: Rules) -> None:
    """Raises `InvalidInput` with every field that may not be set like this."""
    faults = list(_faults(fields, attributes, rules))
    if faults:
        raise InvalidInput(faults=faults)


def require_room(field: str, document: Mapping[str, Any]) -> None:
    """Raises `InvalidInput` for what is larger than an entity may be, or is no JSON."""
    try:
        size = len(canonical(document))
    except NotJson as error:
        raise InvalidInput.at(field, "malformed", f"it has what no JSON has: {error}") from error
    if size > LARGEST_ENTITY_BYTES:
        message = f"{field} would have {size} bytes as JSON, and may have {LARGEST_ENTITY_BYTES}"
        raise InvalidInput.at(field, "too_large", message)
    if "\\u0000" in json.dumps(document):
        raise InvalidInput.at(field, "malformed", f"{field} may have no NUL character")


def _faults(fields: Mapping[str, Any], attributes: Mapping[str, Any], rules: Rules) -> Iterator[Fault]:
    known = {*rules.fields, *attributes}
    for name in fields:
        near = None if name in known else nearly(name, known)
        if not name or len(name) > LONGEST_NAME:
            yield Fault(f"fields.{name}", "malformed", f"a field's name has 1 to {LONGEST_NAME} characters")
        elif near is not None:
            hint = Hint("did_you_mean", {"names": [near]})
            yield Fault(f"fields.{name}", "unknown", f"there is no field {name!r}", hint=hint)
        elif rules.of(name).direction is Direction.PULL:
            yield Fault(f"fields.{name}", "read_only", f"{name} is the external system's alone: it cannot be set here")
