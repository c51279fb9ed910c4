"""What Salesforce's objects are as entities. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.entities.external import Direction
from gateway.integrations.kinds.rest.model import EntityDescription, FieldDescription
from gateway.integrations.kinds.rest.reading import RecordReader
from gateway.providers.api.model import Paging, Resource, Write


def _both(field: str, kind: str = "any", *, required: bool = False) -> FieldDescription:
    return FieldDescription(read=field, to=field, type=kind, required=required, direction=Direction.BOTH)


def _own(field: str, kind: str = "any") -> FieldDescription:
    return FieldDescription(read=field, type=kind)


@dataclass(frozen=True, slots=True)
class SalesforceObject:
    """An object of Salesforce's: its name there, and what its records are here."""

    sobject: str
    entity: EntityDescription


OBJECTS: Final[Mapping[str, SalesforceObject]] = {
    "contacts": SalesforceObject(
        "Contact",
        EntityDescription(
            kind="contact",
            name="Name",
            fields={
                "first_name": _both("FirstName"),
                "last_name": _both("LastName", "text", required=True),
                "email": _both("Email"),
                "phone": _both("Phone"),
                "title": _both("Title"),
                "account_id": _both("AccountId"),
            },
            parent="AccountId",
        ),
    ),
    "accounts": SalesforceObject(
        "Account",
        EntityDescription(
            kind="account",
            name="Name",
            fields={
                "account_name": _both("Name", "text", required=True),
                "phone": _both("Phone"),
                "website": _both("Website"),
                "industry": _both("Industry"),
            },
            parent="ParentId",
        ),
    ),
    "leads": SalesforceObject(
        "Lead",
        EntityDescription(
            kind="lead",
            name="Name",
            fields={
                "first_name": _both("FirstName"),
                "last_name": _both("LastName", "text", required=True),
                "company": _both("Company", "text"),
                "email": _both("Email"),
                "phone": _both("Phone"),
                "status": _both("Status"),
                "is_converted": _own("IsConverted", "boolean"),
            },
        ),
    ),
}

SYSTEM_FIELDS: Final = ("Id", "Name", "SystemModstamp", "IsDeleted")
MERGED: Final = frozenset({"Contact", "Account", "Lead"})
"""Objects whose records can be merged: what is deleted names what it became part of."""


def object_of(resource: str, further: Sequence[str]) -> SalesforceObject:
    """The object behind a resource, with further fields under their own names, both ways."""
    known = OBJECTS[resource]
    entity = known.entity
    fields = {**entity.fields, **{name: _both(name) for name in further}}
    return SalesforceObject(
        known.sobject,
        EntityDescription(
            kind=entity.kind,
            name=entity.name,
            fields=fields,
            parent=entity.parent,
            version="SystemModstamp",
            updated_at="SystemModstamp",
            merged_into="MasterRecordId",
            others=False,
        ),
    )


def asked_fields(found: SalesforceObject) -> list[str]:
    """The fields that a query asks for."""
    entity = found.entity
    named = [one.read for one in entity.fields.values() if one.read is not None]
    return list(dict.fromkeys([*SYSTEM_FIELDS, *named, *([entity.parent] if entity.parent else [])]))


LISTED: Final = Resource(
    path="",
    records="records",
    id="Id",
    paging=Paging("single"),
    deletions="flag",
    deleted="IsDeleted",
    writes={name: Write("PATCH", "/{id}") for name in ("create", "update", "delete")},
)


def reader_of(found: SalesforceObject) -> RecordReader:
    """What reads its records."""
    return RecordReader(found.entity, LISTED)
