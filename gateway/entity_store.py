"""Entities for an application's own code: read and changed as by a person, sent to their systems as soon as those take
it. What an application imports.

    from gateway.entity_store import entity, update

    lamp = entity("home_assistant:light.kitchen")
    update(lamp.id, {"state": "on"})

A key is `integration_name:integration_id`, the same with the integration's own name before the colon, or an id that
begins with `ent_`, which events have as `entity_id`. Settings are those of the gateway, from the environment.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from gateway.config import load_settings
from gateway.db.paging import Page, PageRequest, every
from gateway.entities.editing.draft import EntityDraft, EntityEdit
from gateway.entities.editing.management import create_entity, delete_entity, set_entity
from gateway.entities.search.finding import EntityKey, EntitySearch, find_entities, show_entity
from gateway.entities.search.summary import EntitySummary
from gateway.installation import Installation
from gateway.integrations.instances import INSTANCES
from gateway.tenants.acting import Acting, act
from gateway.tenants.audit import Actor, ActorKind
from gateway.tenants.models import DEFAULT_TENANT

__all__ = ["EntitySearch", "EntitySummary", "close", "create", "delete", "entities", "entity", "update"]

APPLICATION: Final = Actor(ActorKind.SYSTEM, "application")

_lock = threading.Lock()
_installation: Installation | None = None


def entity(key: str, *, tenant: str = DEFAULT_TENANT) -> EntitySummary:
    """One entity, also a tombstone. `tenant` is a slug, in a handler `event.tenant`.

    Raises `NotFound`, `Conflict` where several have this key, `StorageUnavailable`.
    """
    with _acting(tenant, write=False) as acting:
        return show_entity(acting, INSTANCES, EntityKey(key))


def entities(*, tenant: str = DEFAULT_TENANT, **search: Any) -> Iterator[EntitySummary]:
    """All that match: `entities(integration="crm", kind="contact")`. `search` is as `EntitySearch`. Read a page at a
    time, so that what comes or goes meanwhile may be among them or not.
    """
    wanted = EntitySearch(**search)

    def find(request: PageRequest) -> Page[EntitySummary]:
        with _acting(tenant, write=False) as acting:
            return find_entities(acting, INSTANCES, request, wanted)

    return every(find)


def update(
    key: str,
    fields: Mapping[str, Any] | None = None,
    *,
    user_data: Mapping[str, Any] | None = None,
    tenant: str = DEFAULT_TENANT,
) -> EntitySummary:
    """Set fields, which are sent to its system, and what is attached here, which is not.

    Raises `NotFound`, `Conflict` (deleted, a system that takes no changes), `InvalidInput` with every field that may
    not be set, `StorageUnavailable`.
    """
    edit = EntityEdit(fields=fields or {}, user_data=user_data or {})
    with _acting(tenant, write=True) as acting:
        return set_entity(acting, INSTANCES, EntityKey(key), edit)


def create(
    integration: str,
    kind: str,
    fields: Mapping[str, Any],
    *,
    name: str | None = None,
    parent: str | None = None,
    user_data: Mapping[str, Any] | None = None,
    tenant: str = DEFAULT_TENANT,
) -> EntitySummary:
    """Make an entity, here and in the system of this integration. `parent` is a key. Raises as `update`."""
    draft = EntityDraft(
        integration=integration,
        kind=kind,
        name=name,
        fields=fields,
        user_data=user_data or {},
        parent=None if parent is None else EntityKey(parent),
    )
    with _acting(tenant, write=True) as acting:
        return create_entity(acting, INSTANCES, draft)


def delete(key: str, *, tenant: str = DEFAULT_TENANT) -> EntitySummary:
    """Delete an entity, here and in its system; what is deleted stays so. Raises as `update`."""
    with _acting(tenant, write=True) as acting:
        return delete_entity(acting, INSTANCES, EntityKey(key))


def close() -> None:
    """Let go of the database; the next call opens it anew."""
    global _installation
    with _lock:
        found, _installation = _installation, None
    if found is not None:
        found.close()


def _acting(tenant: str, *, write: bool) -> AbstractContextManager[Acting]:
    global _installation
    if _installation is None:
        with _lock:
            _installation = _installation or Installation(load_settings())
    return act(_installation, actor=APPLICATION, tenant=tenant, write=write)
