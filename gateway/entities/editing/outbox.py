"""Putting a local change where pushes find it, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.entities.cases import MAYBE, Case, move
from gateway.entities.models import LocalChange
from gateway.entities.states import ChangeState
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting


def send(acting: Acting, case: Case, operation: str, fields: Mapping[str, Any]) -> None:
    """Put a change into the outbox; what a person has to decide first waits there for that."""
    entity, actor = case.entity, acting.actor
    is_disputed = case.conflict is not None and (case.conflict.kind != "edit" or fields.keys() <= case.disputed)
    made = LocalChange(
        id=new_id("chg"),
        tenant_id=entity.tenant_id,
        instance_id=entity.instance_id,
        entity_id=entity.id,
        operation=operation,
        fields=dict(fields),
        based_on=entity.external_version,
        idempotency_key=new_id("push"),
        state=ChangeState.CONFLICT if is_disputed else ChangeState.PENDING,
        attempts_made=0,
        next_attempt_at=acting.now,
        scheduled_at=acting.now,
        actor_kind=actor.kind,
        actor_name=actor.name,
        created_at=acting.now,
    )
    acting.session.add(made)
    case.edits.append(made)


def reopen(acting: Acting, case: Case) -> None:
    """What was parked is tried again, with a new edit."""
    for edit in case.edits:
        if edit.state == ChangeState.PARKED:
            move(edit, ChangeState.PENDING, MAYBE if edit.reason == MAYBE else None, acting.now)


def take_back_deletion(acting: Acting, case: Case) -> bool:
    """Whether a deletion was still here, so that nothing has to be made anew; not while it is being sent."""
    deletions = [one for one in case.edits if one.operation == "delete"]
    for edit in deletions:
        move(edit, ChangeState.DROPPED, "taken_back", acting.now)
    return bool(deletions)
