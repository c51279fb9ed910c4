"""An entity with all that its two sides have to do with each other: unsettled edits, an open conflict."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from gateway.entities.models import IS_OPEN, IS_UNSETTLED, Entity, EntityConflict, LocalChange
from gateway.entities.states import ChangeState, check_step

MAYBE: Final = "may_have_happened"
"""The reason of a change whose call may have taken effect."""

_IS_UNSETTLED = text(IS_UNSETTLED)
_IS_OPEN = text(IS_OPEN)


@dataclass(slots=True)
class Case:
    """One entity. `edits` are its unsettled local changes in their order; `conflict` is the open one."""

    entity: Entity
    edits: list[LocalChange] = field(default_factory=list)
    conflict: EntityConflict | None = None

    @property
    def base(self) -> dict[str, Any]:
        """The attributes on which both sides last agreed."""
        return self.entity.attributes if self.entity.base is None else self.entity.base

    @property
    def is_in_flight(self) -> bool:
        """A push of it is under way, or was, and what became of it is not known yet."""
        return any(
            one.state == ChangeState.SENDING or (one.state == ChangeState.PENDING and one.reason == MAYBE)
            for one in self.edits
        )

    @property
    def is_deletion(self) -> bool:
        """It was deleted here, and the external system has not been told."""
        return self.entity.deleted_at is not None and any(one.operation == "delete" for one in self.edits)

    @property
    def edited_at(self) -> datetime | None:
        """When it was last edited here, of what is not settled."""
        return max((one.created_at for one in self.edits), default=None)

    @property
    def disputed(self) -> frozenset[str]:
        """The fields that a person has to decide."""
        return frozenset() if self.conflict is None or self.conflict.kind != "edit" else frozenset(self.conflict.fields)

    def settle(self, state: ChangeState, reason: str | None, at: datetime, detail: str | None = None) -> None:
        """All of its unsettled edits but those that are under way become this."""
        for one in self.edits:
            if one.state != ChangeState.SENDING:
                move(one, state, reason, at, detail)


def move(edit: LocalChange, state: ChangeState, reason: str | None, at: datetime, detail: str | None = None) -> None:
    """Bring a local change into another state. Raises `IllegalTransition`."""
    check_step(ChangeState(edit.state), state)
    edit.state, edit.reason, edit.detail = state, reason, detail
    edit.lease_token = edit.lease_expires_at = None
    if state is ChangeState.PENDING:
        edit.next_attempt_at = edit.scheduled_at = at
    elif state in (ChangeState.DONE, ChangeState.DROPPED):
        edit.settled_at = at


def cases_of(session: Session, ids: Collection[str], *, lock: bool = True) -> dict[str, Case]:
    """These entities with what is unsettled about each, locked unless it is said otherwise; by their ids."""
    if not ids:
        return {}
    wanted = select(Entity).where(Entity.id.in_(ids)).order_by(Entity.id)
    rows = session.scalars(wanted.with_for_update() if lock else wanted)
    found = {row.id: Case(row) for row in rows}
    for edit in unsettled(session, list(found)):
        found[edit.entity_id].edits.append(edit)
    conflicts = select(EntityConflict).where(EntityConflict.entity_id.in_(list(found)), _IS_OPEN)
    for conflict in session.scalars(conflicts):
        found[conflict.entity_id].conflict = conflict
    return found


def unsettled(session: Session, entity_ids: Sequence[str]) -> list[LocalChange]:
    """The local changes of these entities that are neither done nor dropped, oldest first."""
    edits = select(LocalChange).where(LocalChange.entity_id.in_(entity_ids), _IS_UNSETTLED).order_by(LocalChange.id)
    return list(session.scalars(edits))
