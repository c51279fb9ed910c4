"""A system described as data: how its API is called, and what its records are as entities. Frozen.

Paths into records are JMESPath. The API's part is that of a catalogue entry (`gateway.providers.api.model`); what
executes the rest is `reading` (records to entities) and `writing` (edits to records).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.entities.external import Direction, Policy
from gateway.providers.api.model import Api


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDescription:
    """One field of an entity, and where it stands in the system's records.

    `read` is the path in a record. `to` is the dotted name of what is written; without it a field is the system's own.
    `write` is an expression of what is written, over the outgoing entity; None: the value as it is. `values` are the
    system's words (texts, numbers, true and false), each with ours; both ways. `type` and `required` are what a record
    has to have there, in our words.
    """

    read: str | None = None
    to: str | None = None
    write: str | None = None
    values: Sequence[tuple[Any, str]] = ()
    type: str = "any"
    required: bool = False
    direction: Direction | None = None
    policy: Policy | None = None
    preferred: str | None = None
    list_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateDescription:
    """Where an entity's state stands, what the system's words for it are here, and since when it holds (`at`)."""

    read: str
    values: Sequence[tuple[Any, str]] = ()
    at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindDescription:
    """How a create that may have happened is looked up: the list is asked with `parameter`, and of what comes those
    records count that have at `record` what the expression `value` makes of the outgoing entity.
    """

    record: str
    value: str = "key"
    parameter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityDescription:
    """What the records of one list are as entities.

    `parameters` fill the paths of the list, `query` goes with each of its pages. With `others` the members of a record
    (of the object at `within`) that no field names are kept under their own names. `zone` is that of instants without
    an offset. `answer` is the path of the record in what the system answers for one record, and to a write; `returns`
    is what a write answers there: `record`, `id` or `nothing`. `sends` is what an update sends: what `changed`, or the
    whole `record`, which is read before. `create` is what a create sends besides: dotted names and expressions.
    `is_complete` and `shifts` are as in `Abilities`, None: as the paging has it.
    """

    kind: str
    name: str | None = None
    fields: Mapping[str, FieldDescription] = field(default_factory=dict)
    state: StateDescription | None = None
    parent: str | None = None
    area: str | None = None
    version: str | None = None
    updated_at: str | None = None
    mark: str | None = None
    merged_into: str | None = None
    others: bool = True
    within: str | None = None
    zone: str = "UTC"
    parameters: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    answer: str | None = None
    returns: str = "record"
    sends: str | None = None
    create: Mapping[str, str] = field(default_factory=dict)
    find: FindDescription | None = None
    is_complete: bool | None = None
    shifts: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemDescription:
    """A system: its API, and its entities by the name of the list that they are in."""

    api: Api
    entities: Mapping[str, EntityDescription]
