"""Edits of entities as what a described system is sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.clients.described.asking import placed
from gateway.clients.errors import RequestRefused
from gateway.entities.external import Direction, FieldRule, Outgoing
from gateway.integrations.kinds.rest.model import EntityDescription, FieldDescription
from gateway.integrations.kinds.rest.paths import PathFailed, RecordPath, compile_path, present, word_of
from gateway.providers.api.model import Resource


class RecordWriter:
    """Writes the records of one list. Made once of its description; safe from any thread."""

    def __init__(self, entity: EntityDescription) -> None:
        described = {name: one for name, one in entity.fields.items() if one.to is not None}
        self._fields = described
        self._expressions = {name: compile_path(one.write) for name, one in described.items() if one.write is not None}
        self._create = {target: compile_path(text) for target, text in entity.create.items()}
        self._back = {
            name: {ours: theirs for theirs, ours in one.values} for name, one in described.items() if one.values
        }

    def created(self, outgoing: Outgoing) -> dict[str, Any]:
        """The record that a create sends: all that is known. Raises `RequestRefused`."""
        document = document_of(outgoing)
        more = [(target, _made(path, document)) for target, path in self._create.items()]
        return placed({}, [*self._places(outgoing, {**outgoing.attributes, **outgoing.fields}), *more])

    def changed(self, outgoing: Outgoing) -> dict[str, Any]:
        """The record that an update sends: what changed of it. Raises `RequestRefused`."""
        return placed({}, self._places(outgoing, outgoing.fields))

    def onto(self, record: Mapping[str, Any], outgoing: Outgoing) -> dict[str, Any]:
        """`record` as it should be afterwards. Raises `RequestRefused`."""
        return placed(record, self._places(outgoing, outgoing.fields))

    def _places(self, outgoing: Outgoing, values: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Those of `values` that are written, where the record has them."""
        return [
            (self._fields[name].to or name, self._written(name, value, outgoing))
            for name, value in values.items()
            if name in self._fields
        ]

    def _written(self, name: str, value: Any, outgoing: Outgoing) -> Any:
        back = self._back.get(name)
        if back is not None and isinstance(value, str | int | float):
            value = back.get(word_of(value), value)
        expression = self._expressions.get(name)
        return value if expression is None else _made(expression, {**document_of(outgoing), "value": value})


def document_of(outgoing: Outgoing) -> dict[str, Any]:
    """What expressions see of an outgoing entity. `key` is the same on every try."""
    return {
        "id": outgoing.integration_id,
        "kind": outgoing.kind,
        "name": outgoing.name,
        "attributes": dict(outgoing.attributes),
        "fields": dict(outgoing.fields),
        "key": outgoing.idempotency_key,
    }


def rules_of(entity: EntityDescription, resource: Resource) -> dict[str, FieldRule]:
    """What is known of the fields: those that are written go both ways, others are the system's own."""
    return {name: _rule(one, "update" in resource.writes) for name, one in entity.fields.items()}


def _rule(one: FieldDescription, can_update: bool) -> FieldRule:
    direction = one.direction
    if direction is None and one.to is None:
        direction = Direction.PULL
    elif direction is None:
        direction = Direction.PUSH if one.read is None else Direction.BOTH if can_update else Direction.PULL
    return FieldRule(direction=direction, policy=one.policy, preferred=one.preferred, list_key=one.list_key)


def _made(path: RecordPath, document: Mapping[str, Any]) -> Any:
    """What an expression makes of an outgoing entity; null where it makes nothing."""
    try:
        return present(path.of(document))
    except PathFailed as error:
        raise RequestRefused(f"what is written by {path.text!r} cannot be made of this entity: {error}") from error
