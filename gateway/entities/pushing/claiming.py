"""Taking edits that are due: what they come to is planned, leased and marked in one transaction, before any call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from gateway.clock import to_us
from gateway.db.lease import new_token
from gateway.entities.cases import MAYBE, Case, cases_of, move
from gateway.entities.external import External, ExternalResource, Outgoing
from gateway.entities.history import PREFIX, PUSH
from gateway.entities.marks import add_marks
from gateway.entities.models import IS_WAITING, Entity, HistoryEntry, LocalChange
from gateway.entities.pushing.calling import Turn
from gateway.entities.pushing.loops import WITHIN, Step, looping_field
from gateway.entities.pushing.planning import Plan, plan_of
from gateway.entities.rules import rules_of
from gateway.entities.states import ChangeState
from gateway.entities.trail import Trail
from gateway.security.identifiers import earliest_id

LEASE: Final = timedelta(seconds=120)
"""Longer than the calls of a turn take, with their tries."""
MOST_NAMED: Final = 500
"""Ids in one statement."""
LOCAL_PARENT: Final = "ent_"
"""A parent that the external system did not know yet is named by its id here."""
PARENT_WAIT: Final = timedelta(minutes=5)

_IS_WAITING = text(f"({IS_WAITING})")


@dataclass(slots=True)
class Claimed:
    """`turns` are to be carried out. `parked` and `settled` are how many edits needed no call."""

    turns: list[Turn] = field(default_factory=list)
    parked: int = 0
    settled: int = 0
    has_more: bool = False


def claim(trail: Trail, external: External, *, room: int, busy: Collection[str]) -> Claimed:
    """The next turns of an integration, `room` at most, of entities that are not `busy`. What needs no call is settled
    at once; what waits for its parent is put off.
    """
    session, claimed = trail.session, Claimed()
    ids, claimed.has_more = _due_entities(session, external, trail, room, busy)
    cases = cases_of(session, ids)
    parents = _parents(session, cases.values())
    steps = _steps(session, trail, list(cases))
    marks = []
    token = new_token()
    for case in sorted(cases.values(), key=lambda one: ids.index(one.entity.id)):
        if any(_is_held(edit, trail) for edit in case.edits):
            continue
        turn = _turn(trail, external, case, parents, steps.get(case.entity.id, ()), token, claimed)
        if turn is not None:
            claimed.turns.append(turn)
            marks.append(_mark(case.entity, turn))
    session.flush()
    _lease(trail, [one for turn in claimed.turns for one in turn.edits], token)
    add_marks(session, marks, trail.at)
    return claimed


def put_off(trail: Trail, external: External, seconds: float) -> None:
    """Nothing of an integration is sent before so long: its system asked for that."""
    until = trail.at + timedelta(seconds=seconds)
    waiting = update(LocalChange).where(_IS_WAITING, LocalChange.instance_id == external.instance_id)
    waiting = waiting.where(LocalChange.state == ChangeState.PENDING, LocalChange.next_attempt_at < until)
    trail.session.flush()
    trail.session.execute(waiting.values(next_attempt_at=until, scheduled_at=trail.at))


def _due_entities(
    session: Session, external: External, trail: Trail, room: int, busy: Collection[str]
) -> tuple[list[str], bool]:
    """The next entities that have something due, and whether there are more."""
    due = (
        select(LocalChange.entity_id)
        .where(_IS_WAITING, LocalChange.instance_id == external.instance_id, LocalChange.next_attempt_at <= trail.at)
        .order_by(LocalChange.next_attempt_at, LocalChange.id)
        .limit(2 * room + len(busy))
    )
    found = session.scalars(due).all()
    ids = list(dict.fromkeys(one for one in found if one not in busy))
    return ids[:room], len(found) == 2 * room + len(busy) or len(ids) > room


def _is_held(edit: LocalChange, trail: Trail) -> bool:
    is_sending = edit.state == ChangeState.SENDING
    return is_sending and edit.lease_expires_at is not None and edit.lease_expires_at > trail.at


def _turn(
    trail: Trail,
    external: External,
    case: Case,
    parents: Mapping[str, Case],
    steps: Sequence[Step],
    token: str,
    claimed: Claimed,
) -> Turn | None:
    resource = external.of_kind(case.entity.kind)
    if resource is None:
        claimed.parked += _park(trail, case, "kind_unknown", f"{external.name} has no {case.entity.kind!r} any more")
        return None
    plan = plan_of(case, rules_of(resource, trail.options), trail.at)
    if plan.operation == "nothing":
        claimed.settled += _settle(case, plan, trail)
        return None
    needed = "delete" if plan.operation == "withdraw" else plan.operation
    if needed not in resource.abilities.writes:
        claimed.parked += _park(trail, case, "not_writable", f"{external.name} takes no {needed} of {resource.kind}")
        return None
    looping = looping_field(steps, plan.fields) if plan.operation == "update" else None
    if looping is not None:
        message = f"{looping} is changed here and there by turns: two programs undo each other's work"
        claimed.parked += _park(trail, case, "loop", message)
        return None
    if not _has_parent(trail, case, plan, parents):
        return None
    return _turn_of(case, plan, resource, token)


def _settle(case: Case, plan: Plan, trail: Trail) -> int:
    """Nothing has to be sent: both sides have it, or neither ever will."""
    for edit in plan.edits:
        is_dropped = case.entity.integration_id is None
        move(edit, ChangeState.DROPPED if is_dropped else ChangeState.DONE, "nothing_to_send", trail.at)
    is_all = all(edit.state in (ChangeState.DONE, ChangeState.DROPPED) for edit in case.edits)
    if is_all and case.conflict is None and case.entity.base is not None and case.entity.deleted_at is None:
        # What is left is written otherwise, and says the same.
        case.entity.attributes, case.entity.base = case.entity.base, None
    return len(plan.edits)


def _park(trail: Trail, case: Case, reason: str, detail: str) -> int:
    waiting = [one for one in case.edits if one.state in (ChangeState.PENDING, ChangeState.SENDING)]
    for edit in waiting:
        move(edit, ChangeState.PARKED, reason, trail.at, detail)
    trail.note(case.entity, "parked", PUSH, {})
    return len(waiting)


def _has_parent(trail: Trail, case: Case, plan: Plan, parents: Mapping[str, Case]) -> bool:
    """Whether what it belongs to is there; else it is put off, and says why."""
    parent = case.entity.parent
    if parent is None or not parent.startswith(LOCAL_PARENT):
        return True
    found = parents.get(parent)
    if found is not None and found.entity.integration_id is not None:
        case.entity.parent = found.entity.integration_id
        return True
    reason = "parent_failed" if found is None or _is_stuck(found) else "waits_for_parent"
    for edit in plan.edits:
        move(edit, ChangeState.PENDING, MAYBE if plan.is_doubtful else reason, trail.at, f"its parent is {parent}")
        edit.next_attempt_at = trail.at + PARENT_WAIT
    return False


def _is_stuck(parent: Case) -> bool:
    return parent.entity.deleted_at is not None or any(one.state == ChangeState.PARKED for one in parent.edits)


def _lease(trail: Trail, edits: Sequence[str], token: str) -> None:
    """From here on they are this process's, until they are settled or the lease has ended."""
    for start in range(0, len(edits), MOST_NAMED):
        mine = update(LocalChange).where(LocalChange.id.in_(edits[start : start + MOST_NAMED]))
        held = {"lease_token": token, "lease_expires_at": trail.at + LEASE, "next_attempt_at": trail.at + LEASE}
        counted = {"attempts_made": LocalChange.attempts_made + 1, "scheduled_at": trail.at}
        state = {"state": ChangeState.SENDING, "reason": None, "detail": None}
        leased = mine.values(**state, **held, **counted)
        trail.session.execute(leased, execution_options={"synchronize_session": False})


def _turn_of(case: Case, plan: Plan, resource: ExternalResource, token: str) -> Turn:
    entity = case.entity
    key = next((one for one in plan.edits if one.operation == "create"), plan.edits[0]).idempotency_key
    return Turn(
        entity_id=entity.id,
        edits=[one.id for one in plan.edits],
        token=token,
        operation=plan.operation,
        resource=resource,
        outgoing=outgoing_of(entity, resource, plan.fields, key),
        is_doubtful=plan.is_doubtful,
        written=plan.written,
    )


def outgoing_of(entity: Entity, resource: ExternalResource, fields: Mapping[str, object], key: str) -> Outgoing:
    """What a call sends of an entity."""
    return Outgoing(
        kind=entity.kind,
        integration_id=entity.integration_id,
        name=entity.name if entity.integration_id is None else None,
        fields=dict(fields),
        attributes=dict(entity.attributes),
        version=entity.external_version if resource.abilities.is_conditional else None,
        idempotency_key=key,
        parent=entity.parent,
    )


def _mark(entity: Entity, turn: Turn) -> dict[str, str]:
    return {
        "tenant_id": entity.tenant_id,
        "instance_id": entity.instance_id,
        "entity_id": entity.id,
        "change_id": turn.edits[0],
        "operation": turn.operation,
    }


def _parents(session: Session, cases: Iterable[Case]) -> dict[str, Case]:
    ids = {one.entity.parent for one in cases if one.entity.parent is not None}
    return cases_of(session, [one for one in ids if one.startswith(LOCAL_PARENT)], lock=False)


def _steps(session: Session, trail: Trail, ids: Sequence[str]) -> dict[str, list[Step]]:
    """What happened to these entities in the last minutes."""
    if not ids:
        return {}
    since = earliest_id(PREFIX, to_us(trail.at - WITHIN))
    statement = (
        select(HistoryEntry.entity_id, HistoryEntry.origin, HistoryEntry.changes)
        .where(HistoryEntry.entity_id.in_(ids), HistoryEntry.id > since, HistoryEntry.action != "pushed")
        .order_by(HistoryEntry.id)
    )
    found: dict[str, list[Step]] = {}
    for entity_id, origin, changes in session.execute(statement):
        found.setdefault(entity_id, []).append(Step(origin, changes))
    return found
