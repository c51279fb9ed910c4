"""News of an external system about an entity that has local edits: merged, told, and decided by policy or a person.

For pulls, live changes, and pushes that were refused because the version was not the one they were based on. What has
no local edits needs none of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.entities.cases import Case
from gateway.entities.comparing import ABSENT, same
from gateway.entities.content import changed_fields, mapped_digest
from gateway.entities.disputes import DELETE, EDIT, close, dispute
from gateway.entities.external import Mapped
from gateway.entities.history import MERGE, PULL
from gateway.entities.marks import note_seen
from gateway.entities.merging import LOCAL, Merge, merge
from gateway.entities.models import Entity
from gateway.entities.rules import Rules
from gateway.entities.states import ChangeState
from gateway.entities.trail import Trail
from gateway.events.system import ENTITY_CREATED, ENTITY_DELETED, ENTITY_UPDATED

COLUMNS = ("name", "state", "parent", "area")


def take_external(trail: Trail, case: Case, mapped: Mapped, rules: Rules) -> None:
    """The external system has this now. While a push of the entity is under way only that is noted: whoever pushes
    looks again.
    """
    if case.is_in_flight:
        note_seen(trail.session, case.entity.id, mapped_digest(mapped))
    elif case.is_deletion:
        _take_against_deletion(trail, case, mapped, rules)
    else:
        _take(trail, case, mapped, rules)


def take_gone(trail: Trail, case: Case, rules: Rules, *, can_create: bool) -> None:
    """The external system says that it is gone, and there are local edits of it."""
    if case.is_in_flight:
        note_seen(trail.session, case.entity.id, None)
    elif case.entity.deleted_at is not None:
        case.settle(ChangeState.DONE, "gone", trail.at)
        close(trail, case, {"by": "agreement"})
    elif rules.options.deletes == "delete_wins":
        bury(trail, case, reason="delete_wins")
        close(trail, case, {"by": "delete_wins"})
    elif rules.options.deletes == "edit_wins" and can_create:
        make_anew(trail, case)
        close(trail, case, {"by": "edit_wins"})
    else:
        case.settle(ChangeState.CONFLICT, "deleted_there", trail.at)
        dispute(trail, case, DELETE, _edited_fields(case), None)


def adopt(entity: Entity, mapped: Mapped) -> dict[str, Any]:
    """Take what a record says beside its attributes; what that changed, by field."""
    before = {name: getattr(entity, name) for name in COLUMNS}
    for name in COLUMNS:
        setattr(entity, name, getattr(mapped, name))
    entity.state_at = mapped.state_at
    entity.external_version, entity.external_updated_at = mapped.version, mapped.updated_at
    entity.content_hash = mapped_digest(mapped)
    return {name: [before[name], getattr(mapped, name)] for name in COLUMNS if before[name] != getattr(mapped, name)}


def agree(entity: Entity, outcome: Merge) -> dict[str, Any]:
    """Take the outcome of a merge; what it changed here, by field."""
    changes = differences(entity.attributes, outcome.attributes)
    entity.attributes = dict(outcome.attributes)
    entity.base = None if outcome.is_settled else dict(outcome.base)
    return changes


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What differs by field, as history and events have it."""
    return {name: list(pair) for name, pair in changed_fields(before, after).items()}


def bury(trail: Trail, case: Case, *, reason: str, by: str = PULL) -> None:
    """It is a tombstone; its edits are dropped, and what they were stands in its history."""
    entity = case.entity
    lost = {name: [sides.get("local"), None] for name, sides in _edited_fields(case).items()}
    if entity.base is not None:
        entity.attributes, entity.base = entity.base, None
    entity.deleted_at, entity.deleted_by, entity.changed_by = trail.at, by, MERGE
    entity.updated_at = trail.at
    case.settle(ChangeState.DROPPED, reason, trail.at)
    trail.note(entity, "deleted", MERGE, lost)
    trail.tell(entity, ENTITY_DELETED, MERGE, {})


def make_anew(trail: Trail, case: Case) -> None:
    """What is gone there is to be made there once more, as it is here."""
    entity = case.entity
    changes = {"integration_id": [entity.integration_id, None]}
    entity.integration_id = entity.external_version = entity.external_updated_at = None
    entity.base, entity.updated_at, entity.changed_by = {}, trail.at, MERGE
    for edit in case.edits:
        edit.operation = "create"
    case.settle(ChangeState.PENDING, None, trail.at)
    trail.note(entity, "merged", MERGE, changes)


def revive(trail: Trail, case: Case, mapped_attributes: Mapping[str, Any], *, origin: str) -> None:
    """A deletion of ours is taken back: it is there again, as the external system has it."""
    entity = case.entity
    changes = differences(entity.attributes, mapped_attributes)
    entity.attributes, entity.base = dict(mapped_attributes), None
    entity.deleted_at = entity.deleted_by = None
    entity.updated_at, entity.changed_by = trail.at, MERGE
    trail.note(entity, "restored", origin, changes)
    trail.tell(entity, ENTITY_CREATED, origin, changes)


def _take(trail: Trail, case: Case, mapped: Mapped, rules: Rules) -> None:
    entity = case.entity
    outcome = merge(
        case.base,
        entity.attributes,
        mapped.attributes,
        rules,
        local_at=case.edited_at,
        external_at=mapped.updated_at,
    )
    changes = adopt(entity, mapped) | agree(entity, outcome)
    record(trail, case, outcome, changes)
    if outcome.conflicts:
        fields = {name: sides.document() for name, sides in outcome.conflicts.items()}
        dispute(trail, case, EDIT, fields, mapped.version)
        if not outcome.to_send:
            case.settle(ChangeState.CONFLICT, "conflict", trail.at)
    else:
        close(trail, case, {"by": "agreement"})
        if not outcome.to_send:
            is_lost = any(one.winner != LOCAL for one in outcome.decided.values())
            case.settle(ChangeState.DROPPED if is_lost else ChangeState.DONE, _reason(outcome), trail.at)


def record(trail: Trail, case: Case, outcome: Merge, changes: Mapping[str, Any]) -> None:
    """Write down what a merge did: what changed here, and which edit of theirs or ours a policy set aside."""
    entity = case.entity
    kept = {
        name: [None if one.sides.external is ABSENT else one.sides.external, entity.attributes.get(name)]
        for name, one in outcome.decided.items()
        if one.winner == LOCAL
    }
    if changes or kept:
        entity.updated_at, entity.changed_by = trail.at, MERGE
        trail.note(entity, "merged", MERGE, {**changes, **kept})
    if changes:
        trail.tell(entity, ENTITY_UPDATED, MERGE, changes)


def _reason(outcome: Merge) -> str:
    policies = sorted({one.policy.value for one in outcome.decided.values()})
    return policies[0] if policies else "same"


def _take_against_deletion(trail: Trail, case: Case, mapped: Mapped, rules: Rules) -> None:
    entity = case.entity
    if mapped_digest(mapped) == entity.content_hash:
        entity.external_version = mapped.version
        return
    before = case.base if case.conflict is None else entity.attributes
    fields = {
        name: {
            side: value[name] for side, value in (("base", before), ("external", mapped.attributes)) if name in value
        }
        for name in {**before, **mapped.attributes}
        if not same(before.get(name, ABSENT), mapped.attributes.get(name, ABSENT))
    }
    if rules.options.deletes == "edit_wins":
        adopt(entity, mapped)
        case.settle(ChangeState.DROPPED, "edit_wins", trail.at)
        close(trail, case, {"by": "edit_wins"})
        revive(trail, case, mapped.attributes, origin=MERGE)
        return
    adopt(entity, mapped)
    # What there is now, for whoever takes the deletion back.
    entity.base = dict(mapped.attributes)
    if rules.options.deletes == "delete_wins":
        trail.note(entity, "merged", MERGE, {name: [one.get("external"), None] for name, one in fields.items()})
        close(trail, case, {"by": "delete_wins"})
    else:
        case.settle(ChangeState.CONFLICT, "edited_there", trail.at)
        dispute(trail, case, DELETE, fields, mapped.version)


def _edited_fields(case: Case) -> dict[str, dict[str, Any]]:
    """What was edited here, by field; the external side has none of it."""
    base, local = case.base, case.entity.attributes
    return {
        name: {side: value[name] for side, value in (("base", base), ("local", local)) if name in value}
        for name in {**base, **local}
        if not same(base.get(name, ABSENT), local.get(name, ABSENT))
    }
