"""The port between a sync and an external system: what can be read and written there, as values.

An integration type implements `ExternalResource` for each kind of thing that its system has; the engines of this
package know nothing else of it. Whatever goes wrong is an `IntegrationError` of `gateway.clients.errors`
(`PositionExpired` for a cursor or a page that the system does not know any more, `RemoteConflict` for a write whose
version is not the one it has, `RemoteNotFound` …), or `RecordInvalid` for one record that cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, runtime_checkable

from gateway.errors import Fault, InvalidInput

Raw: TypeAlias = Any
"""A record as the external system gives it: JSON."""
Cursor: TypeAlias = Mapping[str, Any]
"""How far a sync has come, in the external system's own terms: JSON. Never made of our clock."""
Position: TypeAlias = Mapping[str, Any]
"""Where the next page of a reading is: JSON, so that another process can go on with it."""


class RecordInvalid(InvalidInput):
    """A record is not what its type says; `faults` have pointers into it. It goes to quarantine."""

    code = "record_invalid"


class Direction(StrEnum):
    """Which way the changes of a field go."""

    PULL = "pull"  # the external system's alone: a local edit is refused
    PUSH = "push"  # ours alone: what the external system has of it is not looked at
    BOTH = "both"  # both sides may change it


class Policy(StrEnum):
    """Who wins where both sides changed a field."""

    EXTERNAL_WINS = "external_wins"
    LOCAL_WINS = "local_wins"
    NEWEST_WINS = "newest_wins"  # within the skew margin it is a conflict
    PRIORITY = "priority"  # the side that the field names
    MANUAL = "manual"  # a conflict, for a person


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """What is known of one field of a kind of entities. `policy` None: the integration's. `preferred` is the side that
    `priority` lets win (`local`, `external`). `list_key` is the member by which the items of a list are told apart,
    None: a list is one value.
    """

    direction: Direction = Direction.PULL
    policy: Policy | None = None
    preferred: str | None = None
    list_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A record as an entity has it. Pure data, JSON; absent is not null. Attributes are what may be edited here: what
    else can be (a lamp's state) stands among them too.

    `parent` is the external id of the entity that it belongs to, `area` the name of a room or place. `version` is what
    a conditional write sends back. `mark` is what the external system gives a change that we made, where it gives any.
    `is_deleted`: the system itself says that it is gone; `merged_into` is the external id of what it became part of.
    """

    integration_id: str
    name: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    state: str | None = None
    state_at: datetime | None = None
    parent: str | None = None
    area: str | None = None
    version: str | None = None
    updated_at: datetime | None = None
    mark: str | None = None
    is_deleted: bool = False
    merged_into: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePage:
    """One page of a reading. `next` None: it was the last one. `cursor` is what the next incremental reading begins
    from, on whichever pages it is known: the last one that was committed counts. `deleted` are external ids that the
    system says are gone. `requests` is what the page cost, `waited_seconds` how long limits held it up.
    """

    records: Sequence[Raw]
    next: Position | None
    cursor: Cursor | None = None
    deleted: Sequence[str] = ()
    requests: int = 1
    waited_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a resource can do. A contract suite holds each type to what it says here.

    `is_complete`: a full reading has everything, so that what it lacks may be gone (else deletions come by the
    system's own word alone). `is_transient`: its records come and go by themselves, so that a complete reading's
    deletions are never held for a person. `shifts`: records may move between pages while they are read, so that one
    absence proves nothing and each is looked up before it counts. `writes` are `create`, `update`, `delete`. `finds`:
    a create that may have happened can be looked up. `is_conditional`: a write can be bound to the version that was
    read.
    """

    is_incremental: bool = False
    is_complete: bool = True
    is_transient: bool = False
    shifts: bool = False
    looks_up: bool = False
    writes: frozenset[str] = frozenset()
    finds: bool = False
    is_conditional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """What a push sends: the entity as it is here, and of it what changed.

    `fields` are the changed ones with their new values (all of them for a create). `attributes` are all, as they should
    be afterwards. `integration_id` None: the external system gives it one. `version` is what the change is based on,
    None to write whatever is there. `idempotency_key` is the same on every try. `parent` is the external id of the
    entity that it belongs to.
    """

    kind: str
    integration_id: str | None
    name: str | None
    fields: Mapping[str, Any]
    attributes: Mapping[str, Any]
    version: str | None
    idempotency_key: str
    parent: str | None = None


class ExternalResource(Protocol):
    """One kind of thing in an external system. Methods that ask the system block; `identify` and `read` of a record
    (`map`) are pure. Used by one thread at a time, but for writes, of which several may be under way.
    """

    name: str
    """Lower-case, unique in its integration: `contacts`."""
    kind: str
    """What its entities are called: `contact`."""
    abilities: Abilities
    fields: Mapping[str, FieldRule]
    """Of fields that are not named `default_rule` holds."""
    default_rule: FieldRule

    def pages(self, cursor: Cursor | None, at: Position | None) -> Iterator[RemotePage]:
        """Everything (`cursor` None), or what changed since `cursor` with the resource's own overlap; from `at` on
        where a reading is gone on with. Never ends by itself before the last page: whoever reads stops.

        Raises `PositionExpired` when `cursor` or `at` is not known any more, `IntegrationError`.
        """

    def identify(self, raw: Raw) -> str | None:
        """The external id of a record as far as it can be told, for quarantine; None where it cannot. Pure."""

    def map(self, raw: Raw) -> Mapped:
        """What a record says. Pure. Raises `RecordInvalid`."""

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Raw | None]:
        """These records as they are now; None for those that are gone. An id that could not be asked is left out.

        Raises `IntegrationError`.
        """

    def find(self, outgoing: Outgoing) -> Raw | None:
        """The record that an earlier try of this create made; None where it made none. Raises `IntegrationError`."""

    def create(self, outgoing: Outgoing) -> Raw:
        """Make it, and return it as the system has it now. Raises `IntegrationError`."""

    def update(self, outgoing: Outgoing) -> Raw | None:
        """Change it, bound to `outgoing.version` where the resource can; the record as the system has it now, None
        where it does not say (then it is looked up). Raises `RemoteConflict`, `IntegrationError`.
        """

    def delete(self, outgoing: Outgoing) -> None:
        """Remove it; that it is gone already is no error. Raises `RemoteConflict`, `IntegrationError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What came of loading records: those that are there now, and those that were refused, with what was wrong."""

    records: Sequence[Mapped]
    refused: Sequence[tuple[Raw, Sequence[Fault]]] = ()


@runtime_checkable
class Loading(Protocol):
    """A resource whose records are loaded into another system before they become entities here."""

    def load(self, records: Sequence[Mapped], gone: Sequence[str]) -> Loaded:
        """Load what differs from what was loaded before, and remove what is `gone`. Called again with the same records
        where what came of it was not kept: nothing is made twice. A plan does not call it.

        Raises `IntegrationError` for what is not the fault of a record.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """An integration's external system, opened: what a sync is given. `integration_name` is the type's id."""

    instance_id: str
    tenant_id: str
    name: str
    integration_name: str
    resources: Sequence[ExternalResource]

    def resource(self, name: str) -> ExternalResource | None:
        """One of them."""
        return next((one for one in self.resources if one.name == name), None)

    def of_kind(self, kind: str) -> ExternalResource | None:
        """The one whose entities are of this kind."""
        return next((one for one in self.resources if one.kind == kind), None)
