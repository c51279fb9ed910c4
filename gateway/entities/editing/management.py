"""Changing entities here: each change with its history, event, audit entry and, where the system is to be told, its
place in the outbox, in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.entities.cases import Case, cases_of
from gateway.entities.comparing import ABSENT
from gateway.entities.content import is_same
from gateway.entities.disputes import DELETE, close
from gateway.entities.editing.draft import EntityDraft, EntityEdit
from gateway.entities.editing.judging import require_fields, require_room, require_writable
from gateway.entities.editing.outbox import reopen, send, take_back_deletion
from gateway.entities.editing.values import valued
from gateway.entities.external import ExternalResource
from gateway.entities.history import LOCAL
from gateway.entities.instances import Instances, Named, Opened
from gateway.entities.models import Entity
from gateway.entities.rules import rules_of
from gateway.entities.search.finding import EntityKey, require_entity
from gateway.entities.search.summary import EntitySummary, summary
from gateway.entities.trail import Trail, trail_of
from gateway.errors import Conflict, Hint, InvalidInput, NotFound
from gateway.events.system import ENTITY_CREATED, ENTITY_DELETED, ENTITY_UPDATED
from gateway.security.identifiers import new_id
from gateway.suggestions import suggest
from gateway.tenants.acting import Acting

NO_CONTENT = b"\x00" * 16
"""The digest of what the external system has not got yet."""


def set_entity(acting: Acting, instances: Instances, key: EntityKey, edit: EntityEdit) -> EntitySummary:
    """Set fields, which are sent to the external system, and what is attached here, which is not.

    Raises `NotFound`, `Conflict` (deleted, part of another one, a system that takes no changes), `InvalidInput`.
    """
    case = _case(acting, instances, key)
    entity = case.entity
    _require_there(entity)
    wanted = _wanted(edit, entity.attributes)
    _attach(entity, edit.user_data)
    if not wanted:
        return _attached(acting, instances, case)
    with instances.opened(acting, entity.instance_id) as opened:
        resource = _resource(opened, entity.kind)
        rules = rules_of(resource, opened.options)
        operation = "create" if entity.integration_id is None else "update"
        require_writable(resource, rules, operation, opened.external.name)
        require_fields(wanted, entity.attributes, rules)
        changes = {
            name: [entity.attributes.get(name), value]
            for name, value in wanted.items()
            if not is_same(value, entity.attributes.get(name)) or name not in entity.attributes
        }
        if changes:
            _change(acting, opened, case, operation, {name: wanted[name] for name in changes}, changes)
        return summary(case, opened.external.name)


def create_entity(acting: Acting, instances: Instances, draft: EntityDraft) -> EntitySummary:
    """Make an entity, which is made in the external system too as soon as it takes it.

    Raises `NotFound`, `Conflict`, `InvalidInput`.
    """
    found = _instance(acting, instances, draft.integration)
    parent = None if draft.parent is None else _parent(acting, instances, draft.parent, found)
    fields = _wanted(EntityEdit(fields=draft.fields, typed=draft.typed), {})
    with instances.opened(acting, found.id) as opened:
        resource = _resource(opened, draft.kind)
        rules = rules_of(resource, opened.options)
        require_writable(resource, rules, "create", found.name)
        require_fields(fields, {}, rules)
        require_room("fields", fields)
        entity = _new(acting, found, draft, fields, parent)
        _attach(entity, draft.user_data)
        acting.session.add(entity)
        case = Case(entity)
        send(acting, case, "create", fields)
        trail = _trail(acting, opened)
        trail.note(entity, "created", LOCAL, {name: [None, value] for name, value in fields.items()})
        trail.tell(entity, ENTITY_CREATED, LOCAL, {})
        trail.write()
        acting.audit("entity.created", entity.id, entity.name, after=_shown(entity))
        opened.request_push(acting)
        return summary(case, found.name)


def delete_entity(acting: Acting, instances: Instances, key: EntityKey) -> EntitySummary:
    """Delete an entity here and in the external system. It stays as a tombstone, which can come back; one that is
    deleted already stays as it is. Raises `NotFound`, `Conflict`.
    """
    case = _case(acting, instances, key)
    entity = case.entity
    with instances.opened(acting, entity.instance_id) as opened:
        if entity.deleted_at is not None:
            return summary(case, opened.external.name)
        resource = _resource(opened, entity.kind)
        require_writable(resource, rules_of(resource, opened.options), "delete", opened.external.name)
        before = _shown(entity)
        entity.deleted_at, entity.deleted_by = acting.now, LOCAL
        entity.updated_at, entity.changed_by = acting.now, LOCAL
        trail = _trail(acting, opened)
        close(trail, case, {"by": "deletion"}, acting.actor.name)
        reopen(acting, case)
        send(acting, case, "delete", {})
        trail.note(entity, "deleted", LOCAL, {})
        trail.tell(entity, ENTITY_DELETED, LOCAL, {})
        trail.write()
        acting.audit("entity.deleted", entity.id, entity.name, before=before, after=_shown(entity))
        opened.request_push(acting)
        return summary(case, opened.external.name)


def restore_entity(acting: Acting, instances: Instances, key: EntityKey) -> EntitySummary:
    """Bring a tombstone back: a deletion that was not sent is taken back, and what is gone in the external system is
    made there anew. Raises `NotFound`, `Conflict`.
    """
    case = _case(acting, instances, key)
    entity = case.entity
    with instances.opened(acting, entity.instance_id) as opened:
        if entity.deleted_at is None:
            return summary(case, opened.external.name)
        _require_whole(entity)
        before = _shown(entity)
        if case.is_in_flight:
            raise Conflict("its deletion is being sent just now: try again in a moment")
        if not take_back_deletion(acting, case):
            resource = _resource(opened, entity.kind)
            require_writable(resource, rules_of(resource, opened.options), "create", opened.external.name)
            entity.integration_id = entity.external_version = entity.external_updated_at = None
            entity.content_hash, entity.base = NO_CONTENT, {}
            send(acting, case, "create", dict(entity.attributes))
        entity.deleted_at = entity.deleted_by = None
        entity.updated_at, entity.changed_by = acting.now, LOCAL
        trail = _trail(acting, opened)
        trail.note(entity, "restored", LOCAL, {})
        trail.tell(entity, ENTITY_CREATED, LOCAL, {})
        trail.write()
        acting.audit("entity.restored", entity.id, entity.name, before=before, after=_shown(entity))
        opened.request_push(acting)
        return summary(case, opened.external.name)


def _change(
    acting: Acting,
    opened: Opened,
    case: Case,
    operation: str,
    fields: Mapping[str, Any],
    changes: Mapping[str, Any],
) -> None:
    entity = case.entity
    before = _shown(entity)
    attributes = {**entity.attributes, **fields}
    require_room("fields", attributes)
    if entity.base is None:
        entity.base = entity.attributes
    entity.attributes = attributes
    entity.local_revision += 1
    entity.updated_at, entity.changed_by = acting.now, LOCAL
    reopen(acting, case)
    trail = _trail(acting, opened)
    _dispute_anew(case, fields, trail)
    send(acting, case, operation, fields)
    trail.note(entity, "updated", LOCAL, changes)
    trail.tell(entity, ENTITY_UPDATED, LOCAL, changes)
    trail.write()
    acting.audit("entity.changed", entity.id, entity.name, before=before, after=_shown(entity))
    opened.request_push(acting)


def _dispute_anew(case: Case, fields: Mapping[str, Any], trail: Trail) -> None:
    """What is in conflict has another local side now."""
    conflict = case.conflict
    if conflict is None:
        return
    known = {name for name in fields if name in conflict.fields or conflict.kind == DELETE}
    if known:
        before = {name: {"base": case.base[name]} if name in case.base else {} for name in known}
        sides = {name: {**conflict.fields.get(name, before[name]), "local": fields[name]} for name in known}
        conflict.fields, conflict.updated_at = {**conflict.fields, **sides}, trail.at


def _attach(entity: Entity, user_data: Mapping[str, Any]) -> None:
    if user_data:
        attached = {**(entity.user_data or {}), **user_data}
        kept = {name: value for name, value in attached.items() if value is not None}
        require_room("user_data", kept)
        entity.user_data = kept or None


def _attached(acting: Acting, instances: Instances, case: Case) -> EntitySummary:
    """Only what is attached here changed, if anything."""
    named = instances.named(acting, [case.entity.instance_id]).get(case.entity.instance_id)
    if acting.session.is_modified(case.entity):
        case.entity.updated_at = acting.now
        acting.audit("entity.annotated", case.entity.id, case.entity.name, after={"user_data": case.entity.user_data})
    return summary(case, None if named is None else named.name)


def _shown(entity: Entity) -> dict[str, Any]:
    """What of an entity stands in the audit trail: which one, and not what is in it, which its history has."""
    return {
        "kind": entity.kind,
        "integration_id": entity.integration_id,
        "local_revision": entity.local_revision,
        "deleted": entity.deleted_at is not None,
    }


def _case(acting: Acting, instances: Instances, key: EntityKey) -> Case:
    entity = require_entity(acting, instances, key)
    return cases_of(acting.session, [entity.id])[entity.id]


def _require_there(entity: Entity) -> None:
    _require_whole(entity)
    if entity.deleted_at is not None:
        raise Conflict("it is deleted: restore it first", Hint("restore_entity", {"entity": entity.id}))


def _require_whole(entity: Entity) -> None:
    if entity.merged_into is not None:
        key = f"{entity.integration_name}:{entity.merged_into}"
        raise Conflict(f"it became part of {key}: change that one", Hint("show_entity", {"entity": key}))


def _resource(opened: Opened, kind: str) -> ExternalResource:
    found = opened.external.of_kind(kind)
    if found is None:
        known = [one.kind for one in opened.external.resources]
        hint = suggest(kind, known, Hint("choose_one_of", {"names": known}))
        raise InvalidInput.at("kind", "unknown", f"{opened.external.name} has no kind {kind!r}", hint)
    return found


def _wanted(edit: EntityEdit, attributes: Mapping[str, Any]) -> dict[str, Any]:
    typed = {name: valued(value, attributes.get(name, ABSENT)) for name, value in edit.typed.items()}
    return {**edit.fields, **typed}


def _instance(acting: Acting, instances: Instances, name: str) -> Named:
    found = instances.find(acting, name)
    if found is None:
        raise NotFound(f"there is no integration {name!r}")
    return found


def _parent(acting: Acting, instances: Instances, key: EntityKey, instance: Named) -> str:
    """How a parent is named: by its external id, or by its id here until there is one."""
    found = require_entity(acting, instances, key)
    if found.instance_id != instance.id or found.deleted_at is not None:
        raise InvalidInput.at("parent", "unusable", f"{key.text!r} is not of {instance.name}, or is deleted")
    return found.integration_id or found.id


def _new(acting: Acting, found: Named, draft: EntityDraft, fields: Mapping[str, Any], parent: str | None) -> Entity:
    return Entity(
        id=new_id("ent"),
        tenant_id=acting.tenant.id,
        instance_id=found.id,
        integration_name=found.integration_name,
        integration_id=None,
        kind=draft.kind,
        name=draft.name,
        attributes=dict(fields),
        parent=parent,
        content_hash=NO_CONTENT,
        base={},
        local_revision=1,
        changed_by=LOCAL,
        created_at=acting.now,
        updated_at=acting.now,
    )


def _trail(acting: Acting, opened: Opened) -> Trail:
    actor = acting.actor
    return trail_of(
        acting.session,
        acting.installation,
        opened.external,
        opened.options,
        actor_kind=actor.kind,
        actor_name=actor.name,
        at=acting.now,
    )
