"""Deciding a conflict: each field gets one value, and both sides are based on the newest version from then on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.entities.cases import Case, cases_of, move
from gateway.entities.comparing import ABSENT, same
from gateway.entities.conflicts.finding import require_conflict
from gateway.entities.conflicts.summary import ConflictSummary, summaries
from gateway.entities.disputes import DELETE, close
from gateway.entities.editing.judging import require_fields, require_room, require_writable
from gateway.entities.editing.outbox import send
from gateway.entities.editing.values import valued
from gateway.entities.external import ExternalResource
from gateway.entities.history import LOCAL
from gateway.entities.instances import Instances, Opened
from gateway.entities.merging import EXTERNAL
from gateway.entities.models import EntityConflict
from gateway.entities.reconciling import bury, make_anew, revive
from gateway.entities.resolving.choices import Chosen, Resolution, chosen
from gateway.entities.rules import rules_of
from gateway.entities.states import ChangeState, ConflictState
from gateway.entities.trail import Trail, trail_of
from gateway.errors import Conflict, InvalidInput
from gateway.events.system import ENTITY_UPDATED
from gateway.tenants.acting import Acting


def resolve_conflict(acting: Acting, instances: Instances, conflict_id: str, resolution: Resolution) -> ConflictSummary:
    """Decide a conflict. What is to be sent is sent, based on the newest version.

    Raises `NotFound`, `Conflict` where it is decided already, `InvalidInput`.
    """
    row = require_conflict(acting, conflict_id)
    case = cases_of(acting.session, [row.entity_id])[row.entity_id]
    if case.conflict is None or case.conflict.id != row.id:
        raise Conflict(f"{conflict_id} is decided already: {_decided(row)}")
    with instances.opened(acting, row.instance_id) as opened:
        trail = _trail(acting, opened)
        resource = opened.external.of_kind(case.entity.kind)
        if resource is None:
            raise Conflict(f"{opened.external.name} has no {case.entity.kind} any more")
        if row.kind == DELETE:
            _resolve_deletion(trail, case, resolution, resource, opened)
        else:
            _resolve_edit(acting, trail, case, resolution, resource, opened)
        trail.write()
        acting.audit(
            "conflict.resolved",
            row.id,
            case.entity.name,
            before={"state": ConflictState.OPEN.value},
            after={"state": ConflictState.RESOLVED.value, "resolution": row.resolution},
        )
        opened.request_push(acting)
    return summaries(acting, instances, [row])[0]


def _resolve_edit(
    acting: Acting, trail: Trail, case: Case, resolution: Resolution, resource: ExternalResource, opened: Opened
) -> None:
    entity, conflict = case.entity, case.conflict
    assert conflict is not None
    typed = {name: valued(text, entity.attributes.get(name, ABSENT)) for name, text in resolution.typed.items()}
    choices = chosen(conflict.fields, replace(resolution, values={**resolution.values, **typed}))
    rules = rules_of(resource, opened.options)
    to_send = {name: one.value for name, one in choices.items() if not same(one.value, one.external)}
    if to_send:
        require_writable(resource, rules, "update", opened.external.name)
        require_fields(to_send, entity.attributes, rules)
    changes = _rebase(case, choices)
    require_room("fields", entity.attributes)
    for edit in case.edits:
        if edit.state == ChangeState.CONFLICT:
            move(edit, ChangeState.DROPPED, "resolved", trail.at)
    close(trail, case, {name: _said(one) for name, one in choices.items()}, acting.actor.name)
    if to_send:
        values = {name: None if value is ABSENT else value for name, value in to_send.items()}
        send(acting, case, "update", values)
    entity.updated_at, entity.changed_by = trail.at, LOCAL
    trail.note(entity, "resolved", LOCAL, changes)
    if any(before != after for before, after in changes.values()):
        trail.tell(entity, ENTITY_UPDATED, LOCAL, changes)


def _rebase(case: Case, choices: Mapping[str, Chosen]) -> dict[str, list[Any]]:
    """Both sides agree on what the external system has of these fields; what is chosen holds here."""
    entity = case.entity
    attributes, base = dict(entity.attributes), dict(case.base)
    changes = {}
    for name, one in choices.items():
        lost = one.external if one.by != EXTERNAL else attributes.get(name)
        changes[name] = [None if lost is ABSENT else lost, None if one.value is ABSENT else one.value]
        for document, value in ((attributes, one.value), (base, one.external)):
            if value is ABSENT:
                document.pop(name, None)
            else:
                document[name] = value
    entity.attributes = attributes
    entity.base = None if same(attributes, base) else base
    return changes


def _resolve_deletion(
    trail: Trail, case: Case, resolution: Resolution, resource: ExternalResource, opened: Opened
) -> None:
    if resolution.sides or resolution.values or resolution.typed or resolution.take is None:
        message = "one side deleted it: say which side is taken as a whole, local or external"
        raise InvalidInput.at("take", "missing", message)
    entity, is_ours = case.entity, case.entity.deleted_at is not None
    is_external = resolution.take == EXTERNAL
    rules = rules_of(resource, opened.options)
    if is_ours and is_external:
        case.settle(ChangeState.DROPPED, "resolved", trail.at)
        revive(trail, case, case.base, origin=LOCAL)
    elif is_ours:
        require_writable(resource, rules, "delete", opened.external.name)
        case.settle(ChangeState.PENDING, None, trail.at)
        trail.note(entity, "resolved", LOCAL, {})
    elif is_external:
        bury(trail, case, reason="resolved")
    else:
        require_writable(resource, rules, "create", opened.external.name)
        make_anew(trail, case)
    close(trail, case, {"take": resolution.take}, trail.actor_name)


def _said(one: Chosen) -> Any:
    return one.by if one.by != "value" else {"value": one.value}


def _decided(row: EntityConflict) -> str:
    by = row.resolved_by or (row.resolution or {}).get("by", "the sync")
    return f"by {by}"


def _trail(acting: Acting, opened: Opened) -> Trail:
    return trail_of(
        acting.session,
        acting.installation,
        opened.external,
        opened.options,
        actor_kind=acting.actor.kind,
        actor_name=acting.actor.name,
        at=acting.now,
    )
