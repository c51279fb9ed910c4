"""What happened to an entity: writing it down in bulk, and reading it, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from marshmallow import Schema, fields
from sqlalchemy import select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.entities.models import HistoryEntry
from gateway.schema_fields import Instant
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting

PREFIX: Final = "his"

PULL, PUSH, LOCAL, MERGE = "pull", "push", "local", "merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySummary:
    """One thing that happened to an entity; columns as in `HistoryEntry`."""

    id: str
    entity_id: str
    at: datetime
    action: str
    origin: str
    actor_kind: str
    actor_name: str
    run_id: str | None
    changes: Mapping[str, Any]


class HistorySchema(Schema):
    """Shown in this order."""

    id = fields.String()
    entity_id = fields.String()
    at = Instant()
    action = fields.String(
        metadata={
            "description": "`created`, `updated`, `deleted`, `restored`, `pushed`, `merged`, `conflict`, `resolved`, "
            "`parked` or `dropped`."
        }
    )
    origin = fields.String(metadata={"description": "Where it came from: `pull`, `push`, `local` or `merge`."})
    actor_kind = fields.String()
    actor_name = fields.String()
    run_id = fields.String(allow_none=True, metadata={"description": "The sync run in which it happened."})
    changes = fields.Dict(
        keys=fields.String(), metadata={"description": "By field what it was and what it is: `[before, after]`."}
    )


def find_history(acting: Acting, entity_id: str, page: PageRequest) -> Page[HistorySummary]:
    """A page of what happened to an entity, newest first. Raises `InvalidInput`."""
    statement = select(HistoryEntry).where(HistoryEntry.entity_id == entity_id)
    found = page_of(acting.session, statement, HistoryEntry.id, page, is_descending=True)
    return Page(tuple(map(_summary, found.rows)), found.next_cursor)


def new_history_id() -> str:
    """Ids of entries sort by time."""
    return new_id(PREFIX)


def _summary(row: HistoryEntry) -> HistorySummary:
    return HistorySummary(
        id=row.id,
        entity_id=row.entity_id,
        at=row.at,
        action=row.action,
        origin=row.origin,
        actor_kind=row.actor_kind,
        actor_name=row.actor_name,
        run_id=row.run_id,
        changes=row.changes,
    )
