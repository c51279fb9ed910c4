"""`/entities`: what integrations share with their systems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaring import Resource
from gateway.db.paging import Page, PageRequest
from gateway.entities import history
from gateway.entities.editing import management
from gateway.entities.editing.draft_schema import (
    EntityDraftSchema,
    EntityEditSchema,
    entity_draft,
    entity_edit,
)
from gateway.entities.history import HistorySchema, HistorySummary
from gateway.entities.search import finding
from gateway.entities.search.finding import EntityKey
from gateway.entities.search.schema import EntityQuerySchema, EntitySchema, entity_search
from gateway.entities.search.summary import EntitySummary
from gateway.integrations.instances import INSTANCES
from gateway.tenants.acting import Acting
from gateway.tenants.api_keys.scopes import Scope

READ, WRITE = Scope.ENTITIES_READ, Scope.ENTITIES_WRITE
LAMP: Mapping[str, Any] = {
    "id": "ent_06bk7e8v3s9p41pf7j0q5m2c8g",
    "key": "home_assistant:light.kitchen",
    "integration": "home",
    "integration_name": "home_assistant",
    "integration_id": "light.kitchen",
    "kind": "light",
    "name": "Kitchen",
    "state": "on",
    "state_at": "2026-11-27T12:00:00.000Z",
    "parent": None,
    "area": "Kitchen",
    "attributes": {"state": "on", "brightness": 120},
    "user_data": {"owner": "customer-17"},
    "external_version": None,
    "external_updated_at": "2026-11-27T12:00:00.000Z",
    "changed_by": "pull",
    "local_revision": 0,
    "unsent": [],
    "conflict": None,
    "deleted_at": None,
    "deleted_by": None,
    "merged_into": None,
    "created_at": "2026-11-27T11:00:00.000Z",
    "updated_at": "2026-11-27T12:00:00.000Z",
}
EDITED: Mapping[str, Any] = {
    **LAMP,
    "attributes": {"state": "on", "brightness": 255},
    "changed_by": "local",
    "local_revision": 1,
    "unsent": [
        {
            "id": "chg_06bk7e8v3s9p41pf7j0q5m2c8g",
            "operation": "update",
            "state": "pending",
            "fields": {"brightness": 255},
            "attempts_made": 0,
            "next_attempt_at": "2026-11-27T12:01:00.000Z",
            "reason": None,
            "detail": None,
            "actor_name": "ci",
            "created_at": "2026-11-27T12:01:00.000Z",
        }
    ],
}
CONTACT: Mapping[str, Any] = {
    **EDITED,
    "key": None,
    "integration": "crm",
    "integration_name": "rest",
    "integration_id": None,
    "kind": "contact",
    "name": None,
    "state": None,
    "state_at": None,
    "area": None,
    "attributes": {"email": "a@example.com"},
    "user_data": None,
    "external_updated_at": None,
}
HAPPENED: Mapping[str, Any] = {
    "id": "his_06bk7e8v3s9p41pf7j0q5m2c8g",
    "entity_id": "ent_06bk7e8v3s9p41pf7j0q5m2c8g",
    "at": "2026-11-27T12:01:00.000Z",
    "action": "updated",
    "origin": "local",
    "actor_kind": "api_key",
    "actor_name": "ci",
    "run_id": None,
    "changes": {"brightness": [120, 255]},
}

resource = Resource("entities", "Things that integrations share with their systems: contacts, lamps, patients.")


def _found(acting: Acting, entity: str) -> EntitySummary:
    return finding.show_entity(acting, INSTANCES, EntityKey(entity))


@resource.list("/entities", scope=READ, query=EntityQuerySchema, answer=EntitySchema, example=LAMP)
def list_entities(acting: Acting, page: PageRequest, query: Mapping[str, Any]) -> Page[EntitySummary]:
    """List entities, in the order in which they came.

    Tombstones are listed when `deleted` is true, and then alone.
    """
    return finding.find_entities(acting, INSTANCES, page, entity_search(query))


@resource.post(
    "/entities",
    scope=WRITE,
    body=EntityDraftSchema,
    body_example={"integration": "crm", "kind": "contact", "fields": {"email": "a@example.com"}},
    answer=EntitySchema,
    status=201,
    example=CONTACT,
)
def create_entity(acting: Acting, body: Mapping[str, Any]) -> EntitySummary:
    """Make an entity, here and in its system.

    It is here with the answer, and made there as soon as that takes it; then it has its key.
    """
    return management.create_entity(acting, INSTANCES, entity_draft(body))


@resource.get("/entities/<entity>", scope=READ, answer=EntitySchema, example=LAMP)
def show_entity(acting: Acting, entity: str) -> EntitySummary:
    """Show an entity, also a tombstone.

    By its id, by `integration_name:integration_id`, or with the integration's own name before the colon.
    """
    return _found(acting, entity)


@resource.patch(
    "/entities/<entity>",
    scope=WRITE,
    current=_found,
    body=EntityEditSchema,
    body_example={"fields": {"brightness": 255}},
    answer=EntitySchema,
    example=EDITED,
)
def set_entity(acting: Acting, entity: str, body: Mapping[str, Any]) -> EntitySummary:
    """Set fields of an entity, here and in its system.

    Fields that are the system's alone are refused. `user_data` is attached here and never sent; null takes a member
    off.
    """
    return management.set_entity(acting, INSTANCES, EntityKey(entity), entity_edit(body))


@resource.delete("/entities/<entity>", scope=WRITE)
def delete_entity(acting: Acting, entity: str) -> None:
    """Delete an entity, here and in its system.

    It stays as a tombstone, and can come back. One that is deleted already stays as it is.
    """
    management.delete_entity(acting, INSTANCES, EntityKey(entity))


@resource.post("/entities/<entity>/restore", scope=WRITE, answer=EntitySchema, example=LAMP)
def restore_entity(acting: Acting, entity: str) -> EntitySummary:
    """Bring a deleted entity back.

    Where its system has deleted it already, it is made there anew.
    """
    return management.restore_entity(acting, INSTANCES, EntityKey(entity))


@resource.list("/entities/<entity>/history", scope=READ, answer=HistorySchema, example=HAPPENED)
def list_history(acting: Acting, entity: str, page: PageRequest) -> Page[HistorySummary]:
    """List what happened to an entity, newest first: who changed what, from where."""
    return history.find_history(acting, finding.require_entity(acting, INSTANCES, EntityKey(entity)).id, page)
