"""Who changed what: entries, and the port that keeps them in the transaction of the change itself.

Every use case that changes something says so by way of `Acting.audit`. An entry holds no secret. What keeps them in the
database is `audit_trail`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy.orm import Session


class ActorKind(StrEnum):
    """What somebody who acts is."""

    COMMAND_LINE = "command_line"  # a user of this machine, at the `gateway` command
    API_KEY = "api_key"  # a program that holds a key
    SYSTEM = "system"  # the gateway itself


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `name` is the machine's user, the key's name, or what part of the gateway it is; `id` the key's.

    `address` is where from: the client's address, or the name of the machine on which a command was given.
    """

    kind: ActorKind
    name: str
    id: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. `action` is `<kind of thing>.<what happened>`; `tenant_id` is None where it concerns no tenant.

    `before` and `after` hold what differs between the two; the whole thing where one of them is empty.
    """

    at: datetime
    tenant_id: str | None
    actor: Actor
    request_id: str | None
    action: str
    object_id: str
    object_name: str | None
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)


class AuditTrail(Protocol):
    """Keeps entries."""

    def keep(self, session: Session, entries: Sequence[AuditEntry]) -> None:
        """Keep `entries`, in order, in the transaction of `session`: they stand or fall with it.

        Called once for each transaction that changed something, as the last thing in it.
        """
        ...


class NullAuditTrail:
    """Keeps nothing."""

    def keep(self, session: Session, entries: Sequence[AuditEntry]) -> None:
        return None


class InMemoryAuditTrail:
    """Keeps entries in `entries`, oldest first. For one process."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    def keep(self, session: Session, entries: Sequence[AuditEntry]) -> None:
        self.entries.extend(entries)


def differences(before: object | None, after: object | None) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """What the two (dataclasses, mappings or None) do not have in common, each as a mapping. Pure."""
    old, new = _mapping(before), _mapping(after)
    if not old or not new:
        return old, new
    differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {name: old[name] for name in differing if name in old}, {
        name: new[name] for name in differing if name in new
    }


def _mapping(value: Any) -> Mapping[str, object]:
    if is_dataclass(value):
        return {item.name: getattr(value, item.name) for item in fields(value)}
    return {} if value is None else dict(value)
