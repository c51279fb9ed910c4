"""What the client for Salesforce gives back, and how it is read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.clients.errors import IntegrationError, ResponseInvalid

Record = Mapping[str, Any]
"""A record: values by the names of fields, as Salesforce writes them."""


@dataclass(frozen=True, slots=True)
class Upserted:
    """`id` is None where an older version of the API does not tell it. After a repeat `is_created` may be False for
    what an earlier try of the same call created."""

    id: str | None
    is_created: bool


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of one record of several, in the order in which they were given (`index`). `error` is None when it
    was saved."""

    index: int
    id: str | None
    is_created: bool
    error: IntegrationError | None


@dataclass(frozen=True, slots=True)
class Updated:
    """Ids that changed; the next question begins at `covered_until`."""

    ids: Sequence[str]
    covered_until: datetime


@dataclass(frozen=True, slots=True)
class Deleted:
    """Ids that were deleted, and when; the next question begins at `covered_until`. Nothing is known of what was
    deleted before `known_since`."""

    records: Sequence[tuple[str, datetime]]
    known_since: datetime | None
    covered_until: datetime


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """A field of an object; `type` is Salesforce's word (`string`, `picklist`, `reference`, …)."""

    name: str
    type: str
    label: str
    is_external_id: bool
    is_nillable: bool
    is_createable: bool
    is_updateable: bool


@dataclass(frozen=True, slots=True)
class ObjectDescription:
    """An object and its fields by name; `content` is all that Salesforce says of it."""

    name: str
    label: str
    fields: Mapping[str, FieldDescription] = field(repr=False)
    content: Record = field(repr=False)


@dataclass(frozen=True, slots=True)
class Limit:
    """One of the organisation's limits: how much there is, and how much is left."""

    limit: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact; `content` has all fields that were asked for."""

    id: str
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    account_id: str | None
    updated_at: datetime | None
    content: Record = field(repr=False)


def contact_in(record: Record) -> Contact:
    """A contact. Raises `ResponseInvalid`."""
    changed = record.get("SystemModstamp")
    return Contact(
        id=id_in({"id": record.get("Id")}),
        first_name=_text(record.get("FirstName")),
        last_name=_text(record.get("LastName")),
        email=_text(record.get("Email")),
        phone=_text(record.get("Phone")),
        account_id=_text(record.get("AccountId")),
        updated_at=time_in(changed) if changed is not None else None,
        content=record,
    )


def object_in(found: object) -> Record:
    """`found`. Raises `ResponseInvalid` when it is no object."""
    if not isinstance(found, Mapping):
        raise ResponseInvalid("salesforce: an object was due, and something else came")
    return found


def id_in(found: Record) -> str:
    """The id of a record that was made. Raises `ResponseInvalid`."""
    identifier = found.get("id")
    if not isinstance(identifier, str) or not identifier:
        raise ResponseInvalid("salesforce: no id of the record came back")
    return identifier


def time_in(text: object) -> datetime:
    """An aware time. Raises `ResponseInvalid`."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise ResponseInvalid("salesforce: a time was due, and something else came") from error
    if found.tzinfo is None:
        raise ResponseInvalid("salesforce: a time came without its zone")
    return found


def _text(value: object) -> str | None:
    return str(value) if value is not None else None
