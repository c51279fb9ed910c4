"""A pipeline's parts, opened: the integrations that it names, the list that it loads, and how it makes records."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from sqlalchemy import select

from gateway.entities.external import ExternalResource
from gateway.errors import Hint, InvalidInput
from gateway.handlers import transforms
from gateway.integrations.instance import Instance
from gateway.integrations.models import Integration
from gateway.integrations.opening import Material, material_of, open_instance, type_of
from gateway.integrations.pipelines.entities import Entities, Listed
from gateway.integrations.pipelines.judging import Judge
from gateway.integrations.pipelines.mapping import Function, compile_transform
from gateway.integrations.pipelines.rules import Reference, read_rules
from gateway.integrations.pipelines.taken_values import TakenValues
from gateway.integrations.pipelines.target import Target, require_loadable
from gateway.integrations.type import Seen
from gateway.suggestions import suggest


class Opening:
    """Each part is made when it is first asked for. To be closed. Raises `InvalidInput` for what is named and is not
    there, and `GatewayError` as opening the target does.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._configuration = instance.configuration
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the target's clients, and of what was remembered."""
        self._closing.close()

    def test_target(self) -> Seen:
        """What the target's own test sees."""
        return type_of(self._instance.installation, self._material).test_connection(self._opened)

    @cached_property
    def target(self) -> Target:
        """The list that is loaded."""
        wanted = self._configuration
        resource = self._resource
        require_loadable(
            resource, mode=wanted["mode"], deletes=wanted["deletes"], fields=wanted.get("mapping", {})
        )  # fmt: skip
        return Target(
            pipeline_id=self._instance.id,
            resource=resource,
            mode=wanted["mode"],
            key=wanted.get("key"),
        )

    @cached_property
    def entities(self) -> Entities:
        """What is read from the database."""
        source, target = self._integration("source"), self._material
        kind = self._resource.kind
        if source.id == target.id and self._configuration["kind"] == kind:
            raise InvalidInput.at("configuration.target", "unusable", "a list is not loaded from itself")
        return Entities(
            database=self._instance.installation.database,
            tenant_id=self._instance.tenant_id,
            source=Listed(source.id, source.type_id, self._configuration["kind"]),
            target=Listed(target.id, target.type_id, kind),
            own=Listed(self._instance.id, self._instance.integration_name, kind),
        )

    @cached_property
    def judge(self) -> Judge:
        """How records are made."""
        wanted = self._configuration
        rules = read_rules(wanted.get("rules", {}), key=wanted.get("key"))
        transform = compile_transform(
            wanted.get("mapping", {}), name=wanted.get("name"), where=wanted.get("where"), function=self._function()
        )
        taken = TakenValues()
        self._closing.callback(taken.close)
        references = {one.reference: self._listed(name, one.reference) for name, one in rules.items() if one.reference}
        return Judge(transform=transform, rules=rules, references=references, entities=self.entities, taken=taken)

    @cached_property
    def _material(self) -> Material:
        return self._integration("target")

    @cached_property
    def _opened(self) -> Instance:
        found = open_instance(self._instance.installation, self._material, timeout=self._instance.timeout)
        return self._closing.enter_context(found)

    @cached_property
    def _resource(self) -> ExternalResource:
        external = type_of(self._instance.installation, self._material).external(self._opened)
        name = self._configuration["resource"]
        found = external.resource(name) or external.of_kind(name)
        if found is None:
            known = [one.name for one in external.resources]
            hint = suggest(name, known, Hint("choose_one_of", {"names": known}))
            raise InvalidInput.at("configuration.resource", "unknown", f"{external.name} has no list {name!r}", hint)
        return found

    def _function(self) -> Function | None:
        """Only what the operator's own modules have marked: nothing is imported by a name that a tenant gives."""
        name = self._configuration.get("transform")
        if name is None:
            return None
        # Loading the handlers' modules is what marks them.
        _ = self._instance.installation.handlers
        known = transforms()
        if name not in known:
            message = f"no module of GATEWAY_HANDLERS has marked {name!r} with @transform"
            hint = suggest(name, known, Hint("choose_one_of", {"names": sorted(known)}))
            raise InvalidInput.at("configuration.transform", "unknown", message, hint)
        return known[name]

    def _listed(self, field: str, reference: Reference) -> Listed:
        found = self._find(reference.integration, f"rules.{field}.reference")
        return Listed(found.id, found.type_id, reference.kind)

    def _integration(self, role: str) -> Material:
        return self._find(self._configuration[role], role)

    def _find(self, name: str, field: str) -> Material:
        instance = self._instance
        with instance.installation.database.tenant_session(instance.tenant_id) as session:
            row: Any = session.scalars(select(Integration).where(Integration.name == name)).first()
            if row is None or row.id == instance.id:
                known = session.scalars(select(Integration.name).where(Integration.id != instance.id)).all()
                hint = suggest(name, known, Hint("add_integration", {"name": name}))
                raise InvalidInput.at(f"configuration.{field}", "unknown", f"there is no integration {name!r}", hint)
            return material_of(session, instance.installation, row)
