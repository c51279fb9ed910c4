"""`/conflicts`: what both sides changed, and no policy settles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest
from gateway.entities.conflicts import finding
from gateway.entities.conflicts.finding import ConflictSearch
from gateway.entities.conflicts.schema import ConflictQuerySchema, ConflictSchema
from gateway.entities.conflicts.summary import ConflictSummary
from gateway.entities.resolving import conflicts as resolving
from gateway.entities.resolving.schema import ResolutionSchema, resolution
from gateway.entities.states import ConflictState
from gateway.integrations.instances import INSTANCES
from gateway.tenants.acting import Acting
from gateway.tenants.api_keys.scopes import Scope

READ, WRITE = Scope.ENTITIES_READ, Scope.ENTITIES_WRITE
OPEN: Mapping[str, Any] = {
    "id": "cfl_06bk7e8v3s9p41pf7j0q5m2c8g",
    "entity": "ent_06bk7e8v3s9p41pf7j0q5m2c8g",
    "key": "rest:42",
    "integration": "crm",
    "integration_name": "rest",
    "entity_kind": "contact",
    "name": "Ada Lovelace",
    "kind": "edit",
    "state": "open",
    "fields": {"phone": {"base": "1", "local": "2", "external": "3"}},
    "deleted_by": None,
    "resolution": None,
    "resolved_by": None,
    "created_at": "2026-11-27T12:00:00.000Z",
    "updated_at": "2026-11-27T12:00:00.000Z",
    "resolved_at": None,
}
RESOLVED: Mapping[str, Any] = {
    **OPEN,
    "state": "resolved",
    "resolution": {"phone": "local"},
    "resolved_by": "ci",
    "updated_at": "2026-11-27T12:05:00.000Z",
    "resolved_at": "2026-11-27T12:05:00.000Z",
}

resource = Resource("conflicts", "What both sides of an entity changed since they last agreed, and no policy settles.")


@resource.list("/conflicts", scope=READ, query=ConflictQuerySchema, answer=ConflictSchema, example=OPEN)
def list_conflicts(acting: Acting, page: PageRequest, query: Mapping[str, Any]) -> Page[ConflictSummary]:
    """List conflicts, newest first: those that wait, unless `state` says otherwise."""
    search = ConflictSearch(state=ConflictState(query["state"]), integration=query["integration"], kind=query["kind"])
    return finding.find_conflicts(acting, INSTANCES, page, search)


@resource.get("/conflicts/<conflict>", scope=READ, answer=ConflictSchema, example=OPEN)
def show_conflict(acting: Acting, conflict: str) -> ConflictSummary:
    """Show a conflict, with what both sides have of each field and what they last agreed on."""
    return finding.show_conflict(acting, INSTANCES, conflict)


@resource.post(
    "/conflicts/<conflict>/resolve",
    scope=WRITE,
    body=ResolutionSchema,
    body_example={"take": "external", "fields": {"phone": "local"}},
    answer=ConflictSchema,
    example=RESOLVED,
)
def resolve_conflict(acting: Acting, conflict: str, body: Mapping[str, Any]) -> ConflictSummary:
    """Decide a conflict.

    Each field gets one value: that of a side, or another one. What the system is to have is sent, based on its newest
    version. Of a deletion against an edit one side is taken as a whole.
    """
    return resolving.resolve_conflict(acting, INSTANCES, conflict, resolution(body))
