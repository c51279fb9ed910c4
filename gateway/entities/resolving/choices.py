"""What a person says about a conflict, and what that means for each of its fields. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.entities.comparing import ABSENT, Value
from gateway.entities.merging import EXTERNAL, LOCAL
from gateway.errors import Fault, Hint, InvalidInput
from gateway.suggestions import suggest


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """`take` is the side (`local`, `external`) that holds for each field of which nothing else is said. `sides` are
    those of single fields, `values` are other values for them, `typed` such as a person types them.
    """

    take: str | None = None
    sides: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)


class Chosen(NamedTuple):
    """Of one field: what holds here from now on, and what the external system has. `by` is a side, or `value`."""

    by: str
    value: Value
    external: Value


def chosen(fields: Mapping[str, Mapping[str, Any]], resolution: Resolution) -> dict[str, Chosen]:
    """What holds for each field of a conflict. Raises `InvalidInput` for fields that it has not, or of which nothing is
    said.
    """
    faults = list(_faults(fields, resolution))
    if faults:
        raise InvalidInput(faults=faults)
    return {name: _of_field(name, sides, resolution) for name, sides in fields.items()}


def _of_field(name: str, sides: Mapping[str, Any], resolution: Resolution) -> Chosen:
    external = sides.get(EXTERNAL, ABSENT)
    if name in resolution.values:
        return Chosen("value", resolution.values[name], external)
    side = resolution.sides.get(name, resolution.take) or ""
    return Chosen(side, sides.get(side, ABSENT), external)


def _faults(fields: Mapping[str, Mapping[str, Any]], resolution: Resolution) -> Iterator[Fault]:
    for name in {**resolution.sides, **resolution.values}:
        if name not in fields:
            hint = suggest(name, fields, Hint("choose_one_of", {"names": sorted(fields)}))
            yield Fault(f"fields.{name}", "unknown", f"the conflict is not about {name!r}", hint=hint)
    for name, side in resolution.sides.items():
        if side not in (LOCAL, EXTERNAL):
            yield Fault(f"fields.{name}", "not_allowed", f"the side of {name} is local or external")
    for name in fields:
        if resolution.take is None and name not in resolution.sides and name not in resolution.values:
            yield Fault("take", "missing", f"nothing is said about {name}: take local or external, or give it a value")
