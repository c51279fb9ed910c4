"""Whether a description that has the right shape also makes sense: the rules that span several keys. Pure.

The API's part has rules of its own, those of the catalogue (`gateway.providers.api.soundness`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from gateway.entities.external import Direction, Policy
from gateway.errors import Fault
from gateway.integrations.kinds.rest.model import EntityDescription, FieldDescription, SystemDescription
from gateway.providers.api.model import Resource, Write
from gateway.providers.api.soundness import named

CHANGES = ("create", "update", "delete")


def faults(system: SystemDescription) -> Iterator[Fault]:
    """What is wrong with the entities of a system, by the path of the key."""
    for kind, count in Counter(entity.kind for entity in system.entities.values()).items():
        if count > 1:
            yield Fault("entities", "malformed", f"{count} lists have the kind {kind}: give each its own")
    for name, entity in system.entities.items():
        resource = system.api.resources[name]
        for key, message in (*_paths(entity, resource), *_fields(entity, resource), *_writes(entity, resource)):
            yield Fault(f"entities.{name}.{key}", "malformed", message)


def id_name(path: str, parameters: Mapping[str, str]) -> str | None:
    """What the path of one record calls its id: the one name in braces that no parameter fills."""
    left = sorted({*named(path)} - parameters.keys())
    return left[0] if len(left) == 1 else None


def _paths(entity: EntityDescription, resource: Resource) -> Iterator[tuple[str, str]]:
    given = entity.parameters
    create = resource.writes.get("create")
    for where, path in (("the list", resource.path), ("create", create.path if create is not None else "")):
        if left := sorted({*named(path)} - given.keys()):
            yield "parameters", f"{where} is at {path}: {', '.join(left)} is missing"
    of_one = [("one", resource.one)] if resource.one is not None else []
    of_one += [(name, resource.writes[name].path) for name in CHANGES[1:] if name in resource.writes]
    for where, path in of_one:
        if id_name(path, given) is None:
            yield "parameters", f"{where} is at {path}: all names but that of the record's id have to be given"
    known = {
        name
        for path in (resource.path, resource.one or "", *(write.path for write in resource.writes.values()))
        for name in named(path)
    }
    if left := sorted(given.keys() - known):
        yield "parameters", f"{', '.join(left)} stands in no path of this list"


def _fields(entity: EntityDescription, resource: Resource) -> Iterator[tuple[str, str]]:
    for name, one in entity.fields.items():
        for message in _field(one, resource.writes):
            yield f"fields.{name}", message
    targets = Counter(one.to for one in entity.fields.values() if one.to is not None)
    for target, count in targets.items():
        if count > 1:
            yield "fields", f"{count} of them are written to {target}"


def _field(one: FieldDescription, writes: Mapping[str, Write]) -> Iterator[str]:
    if one.read is None and one.to is None:
        yield "is neither read (`from`) nor written (`to`)"
    if one.read is None and one.direction not in (None, Direction.PUSH):
        yield f"has the direction {one.direction}, and no `from`"
    if one.to is None and one.direction in (Direction.PUSH, Direction.BOTH):
        yield f"has the direction {one.direction}, and no `to`"
    if one.to is not None and one.direction is Direction.PULL:
        yield "has the direction pull, and a `to`: leave one of them out"
    if one.to is None and one.write is not None:
        yield "`write` needs `to`"
    if one.to is not None and not writes.keys() & {"create", "update"}:
        yield "has a `to`, and the list has neither `create` nor `update` among its writes"
    if one.read is None and one.required:
        yield "is required, and not read"
    if (one.policy is Policy.PRIORITY) != (one.preferred is not None):
        yield "`preferred` goes with the policy priority, and that with it"
    if one.to is not None and one.write is None and len({ours for _, ours in one.values}) < len(one.values):
        yield "`values` has one word of ours for two of the system's: say by `write` what is written"


def _writes(entity: EntityDescription, resource: Resource) -> Iterator[tuple[str, str]]:
    update = resource.writes.get("update")
    if update is not None and sends_record(entity, update) and resource.one is None:
        yield "sends", "an update sends the whole record, and `one` of the list does not say where it is read before"
    if entity.returns != "record" and "create" in resource.writes and resource.one is None and entity.find is None:
        yield "returns", "what is created cannot be read: the list needs `one`, or this `find`"
    if entity.create and "create" not in resource.writes:
        yield "create", "the list has no `create` among its writes"
    if entity.find is not None and "create" not in resource.writes:
        yield "find", "the list has no `create` among its writes"
    if entity.shifts and resource.one is None:
        yield "shifts", "what is missed cannot be looked up: the list needs `one`"


def sends_record(entity: EntityDescription, update: Write) -> bool:
    """Whether an update sends the whole record, which PUT does unless it is said otherwise."""
    return entity.sends == "record" if entity.sends is not None else update.method == "PUT"
