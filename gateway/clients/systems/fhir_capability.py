"""What a FHIR server says that it can do: https://hl7.org/fhir/R4/capabilitystatement.html. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Capability:
    """What a server can do. `interactions` are FHIR's words (`read`, `history-type`, …) by type of resource."""

    fhir_version: str
    software: str
    interactions: Mapping[str, frozenset[str]] = field(repr=False)
    statement: Mapping[str, Any] = field(repr=False)

    def can(self, name: str, interaction: str) -> bool:
        """Whether the server says that it does this with this type of resource."""
        return interaction in self.interactions.get(name, frozenset())


def capability_in(statement: Mapping[str, Any]) -> Capability:
    """What a CapabilityStatement says."""
    interactions: dict[str, frozenset[str]] = {}
    for rest in _objects(statement.get("rest")):
        for one in _objects(rest.get("resource")):
            codes = {str(each.get("code")) for each in _objects(one.get("interaction"))}
            interactions[str(one.get("type"))] = frozenset(codes)
    software = statement.get("software")
    name = software.get("name") if isinstance(software, Mapping) else ""
    return Capability(str(statement.get("fhirVersion", "")), str(name or ""), interactions, statement)


def _objects(found: object) -> list[Mapping[str, Any]]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
