"""The list of another system that a pipeline loads: made, changed and removed by its port, each record by its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from gateway.clients.errors import RemoteConflict, RemoteNotFound, RequestRefused
from gateway.entities.external import Direction, ExternalResource, Outgoing, RecordInvalid
from gateway.errors import Fault, InvalidInput

ID: Final = "id"
"""As a key: the target's own id of a record, which is not sent among its fields."""
CREATE: Final = "create"
UPDATE: Final = "update"
UPSERT: Final = "upsert"
MODES: Final = (UPSERT, CREATE, UPDATE)


class NotLoaded(Exception):
    """One record is not what the target takes."""

    def __init__(self, code: str, message: str) -> None:
        self.fault = Fault("", code, message)
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A record that is to be loaded. `target_id` is where it is already, None where that is not known; `changed` are
    the values that differ from those that were loaded before.
    """

    entity_id: str
    name: str | None
    values: Mapping[str, Any]
    changed: Mapping[str, Any]
    target_id: str | None
    may_be_there: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`pipeline_id` makes idempotency keys its own. Safe from several threads."""

    pipeline_id: str
    resource: ExternalResource
    mode: str
    key: str | None

    def load(self, order: Order) -> str:
        """Load a record; the id that it has there. Raises `NotLoaded`, `IntegrationError`."""
        try:
            if order.target_id is not None:
                return self._update(order)
            if self.mode == UPDATE:
                raise NotLoaded("not_there", "the target has no record with this key, and only such are changed")
            return self._create(order)
        except (RequestRefused, RemoteConflict) as error:
            raise NotLoaded("load_refused", f"the target refused it: {error}") from error
        except RecordInvalid as error:
            raise NotLoaded("load_refused", f"what the target made of it cannot be read: {error}") from error

    def remove(self, entity_id: str, target_id: str, values: Mapping[str, Any]) -> None:
        """Remove a record. Raises `NotLoaded`, `IntegrationError`."""
        outgoing = self._outgoing("delete", entity_id, target_id, None, {}, values)
        try:
            self.resource.delete(outgoing)
        except RemoteNotFound:
            return
        except (RequestRefused, RemoteConflict) as error:
            raise NotLoaded("load_refused", f"the target does not remove it: {error}") from error

    def _update(self, order: Order) -> str:
        assert order.target_id is not None
        sent = self._sent(order.changed)
        if not sent:
            return order.target_id
        values = self._sent(order.values)
        try:
            outgoing = self._outgoing("update", order.entity_id, order.target_id, order.name, sent, values)
            self.resource.update(outgoing)
        except RemoteNotFound:
            if self.mode == UPDATE:
                raise NotLoaded("not_there", "the target has it no more") from None
            return self._create(order)
        return order.target_id

    def _create(self, order: Order) -> str:
        values = self._sent(order.values)
        given = order.values.get(ID) if self.key == ID else None
        target_id = None if given is None else str(given)
        outgoing = self._outgoing("create", order.entity_id, target_id, order.name, values, values)
        made = None
        if order.may_be_there and self.resource.abilities.finds:
            made = self.resource.find(outgoing)
        if made is None:
            made = self.resource.create(outgoing)
        return self.resource.map(made).integration_id

    def _sent(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if not (self.key == ID and name == ID)}

    def _outgoing(
        self,
        operation: str,
        entity_id: str,
        target_id: str | None,
        name: str | None,
        fields: Mapping[str, Any],
        values: Mapping[str, Any],
    ) -> Outgoing:
        # The same for the same write: a try of another process, or of a later run, is recognised.
        told = repr((self.pipeline_id, operation, entity_id, sorted(fields.items()))).encode()
        return Outgoing(
            kind=self.resource.kind,
            integration_id=target_id,
            name=name,
            fields=fields,
            attributes=values,
            version=None,
            idempotency_key=f"pipe_{blake2b(told, digest_size=16).hexdigest()}",
        )


def require_loadable(resource: ExternalResource, *, mode: str, deletes: bool, fields: Mapping[str, Any]) -> None:
    """Raises `InvalidInput` where the target's list takes no such writes, or not of these fields."""
    wanted = {UPSERT: {CREATE, UPDATE}, CREATE: {CREATE}, UPDATE: {UPDATE}}[mode] | ({"delete"} if deletes else set())
    if missing := sorted(wanted - resource.abilities.writes):
        message = f"the target's list {resource.name} takes no {' and no '.join(missing)}"
        raise InvalidInput.at("configuration.resource", "unusable", message)
    for name in fields:
        rule = resource.fields.get(name, resource.default_rule)
        if rule.direction is Direction.PULL and name not in (ID, "name"):
            message = f"{name}: the target's {resource.kind} does not let it be set"
            raise InvalidInput.at("configuration.mapping", "read_only", message)
