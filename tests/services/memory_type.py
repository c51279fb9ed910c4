"""The integration type `memory`: systems of `memory_system` by their names, for tests of what stands above types."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.entities.external import ExternalResource
from gateway.integrations.attributes import Attribute
from gateway.integrations.instance import Instance
from gateway.integrations.type import IntegrationType, Seen
from tests.services.memory_system import MemoryResource

SYSTEMS: dict[str, list[MemoryResource]] = {}
"""The lists of each system. A test puts its own there, and takes them away."""


class MemoryType(IntegrationType):
    """A type as another package would bring it."""

    id = "memory"
    label = "Memory"
    description = "Lists in memory, for tests."
    attributes = (Attribute(key="system", label="System", required=True),)

    def test_connection(self, instance: Instance) -> Seen:
        return Seen(f"{len(self.resources(instance))} lists")

    def resources(self, instance: Instance) -> Sequence[ExternalResource]:
        return SYSTEMS[instance.configuration["system"]]
