"""What follows from a turn's answer: the record that came back is the new base, and what is left is sent, waits, or is
for a person. In the transaction of whoever holds the push.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import delete, select

from gateway.entities.cases import MAYBE, Case, cases_of, move
from gateway.entities.comparing import ABSENT, same
from gateway.entities.disputes import EDIT, close, dispute
from gateway.entities.external import Direction, Mapped
from gateway.entities.history import PUSH
from gateway.entities.marks import mark_answered, seen_amid
from gateway.entities.merging import merge
from gateway.entities.models import Entity, LocalChange
from gateway.entities.pushing.answers import (
    BLOCKED_SECONDS,
    MOST_ATTEMPTS,
    Answer,
    Consequence,
    Failed,
    Found,
    Made,
    Missing,
    wait_seconds,
)
from gateway.entities.pushing.calling import Turn
from gateway.entities.pushing.claiming import outgoing_of
from gateway.entities.reconciling import adopt, agree, differences, record, take_external, take_gone
from gateway.entities.rules import Rules, rules_of
from gateway.entities.states import ChangeState
from gateway.entities.trail import Trail
from gateway.events.system import ENTITY_UPDATED

FIRST_REFUSALS: Final = 3
"""So often a version that is not the one there is costs no wait."""


@dataclass(slots=True)
class Settled:
    """`counts` are results by name, `again` turns that look once more, `blocked` is why nothing can be sent now.
    `answered` are the changes whose marks are settled."""

    counts: Counter[str] = field(default_factory=Counter)
    again: list[Turn] = field(default_factory=list)
    blocked: Failed | None = None
    answered: list[str] = field(default_factory=list)


def settle(trail: Trail, answers: Sequence[tuple[Turn, Answer]], share: float) -> Settled:
    """Take what calls came to. `share` (0 to 1) spreads waits. What somebody else has taken over is left to them."""
    settled = Settled()
    cases = cases_of(trail.session, [turn.entity_id for turn, _ in answers])
    seen = seen_amid(trail.session, [turn.edits[0] for turn, _ in answers if turn.edits])
    for turn, answer in answers:
        case = cases.get(turn.entity_id)
        if case is None:
            continue
        edits = [one for one in case.edits if one.id in turn.edits and one.lease_token == turn.token]
        if edits or turn.operation == "look":
            amid = seen.get(turn.edits[0]) if turn.edits else None
            _Settling(trail, turn, case, edits, amid, settled).take(answer, share)
    mark_answered(trail.session, settled.answered, trail.at)
    return settled


@dataclass(slots=True)
class _Settling:
    trail: Trail
    turn: Turn
    case: Case
    edits: Sequence[LocalChange]
    seen: bytes | None
    settled: Settled

    @property
    def rules(self) -> Rules:
        return rules_of(self.turn.resource, self.trail.options)

    def take(self, answer: Answer, share: float) -> None:
        if isinstance(answer, Failed):
            self._failed(answer, share)
        elif isinstance(answer, Found):
            self._release()
            self.settled.counts["merged"] += self.turn.operation != "look"
            take_external(self.trail, self.case, answer.mapped, self.rules)
        elif isinstance(answer, Missing):
            self._release()
            self.settled.counts["missing"] += 1
            can_create = "create" in self.turn.resource.abilities.writes
            take_gone(self.trail, self.case, self.rules, can_create=can_create)
        elif isinstance(answer, Made):
            self._made(answer.mapped)
        else:
            self._removed()

    def _release(self) -> None:
        """They wait again, and are sent as soon as what is there now has been taken in."""
        for edit in self.edits:
            move(edit, ChangeState.PENDING, None, self.trail.at)
            if edit.attempts_made > FIRST_REFUSALS:
                edit.next_attempt_at += timedelta(seconds=wait_seconds(edit.attempts_made - FIRST_REFUSALS, None, 0.5))
        self._answered()

    def _failed(self, answer: Failed, share: float) -> None:
        counts, at = self.settled.counts, self.trail.at
        # What an earlier try may have done is as open as before.
        is_doubtful = answer.is_doubtful or self.turn.is_doubtful
        reason = MAYBE if is_doubtful else answer.code
        detail = f"{answer.code}: {answer.detail}" if is_doubtful else answer.detail
        is_spent = any(one.attempts_made >= MOST_ATTEMPTS for one in self.edits)
        if answer.consequence is Consequence.WAIT:
            self.settled.blocked = answer
        is_parked = answer.consequence is Consequence.PARK or (answer.consequence is Consequence.AGAIN and is_spent)
        for edit in self.edits:
            move(edit, ChangeState.PARKED if is_parked else ChangeState.PENDING, reason, at, detail)
            if answer.consequence is Consequence.WAIT:
                edit.attempts_made -= 1
                edit.next_attempt_at = at + timedelta(seconds=answer.after_seconds or 0.0)
            elif not is_parked:
                after = wait_seconds(edit.attempts_made, answer.after_seconds, share)
                edit.next_attempt_at = at + timedelta(seconds=after)
        if is_parked:
            self.trail.note(self.case.entity, "parked", PUSH, {})
        counts["parked" if is_parked else "waiting"] += len(self.edits)
        if not is_doubtful:
            self._answered()

    def _removed(self) -> None:
        for edit in self.edits:
            move(edit, ChangeState.DONE, None, self.trail.at)
        self._answered()
        self.case.settle(ChangeState.DONE, "deleted", self.trail.at)
        close(self.trail, self.case, {"by": "agreement"})
        self.case.entity.base = None
        self.trail.note(self.case.entity, "pushed", PUSH, {})
        self.settled.counts["deleted"] += 1

    def _made(self, mapped: Mapped | None) -> None:
        entity, before = self.case.entity, self.case.base
        old_hash = entity.content_hash
        changes: dict[str, Any] = {}
        if self.turn.operation == "create" and mapped is not None:
            _absorb_twin(self.trail, entity, mapped.integration_id)
            changes["integration_id"] = [entity.integration_id, mapped.integration_id]
            entity.integration_id = mapped.integration_id
        for edit in self.edits:
            move(edit, ChangeState.DONE, None, self.trail.at)
        changes |= self._rebase(mapped)
        sent = {name: [before.get(name), entity.attributes.get(name, value)] for name, value in self._sent.items()}
        entity.updated_at = self.trail.at
        if changes:
            entity.changed_by = PUSH
            self.trail.tell(entity, ENTITY_UPDATED, PUSH, changes)
        self.trail.note(entity, "pushed", PUSH, {**sent, **changes})
        self.settled.counts["created" if self.turn.operation == "create" else "updated"] += 1
        self._answered()
        self._look_if_seen(old_hash)

    @property
    def _sent(self) -> Mapping[str, Any]:
        return self.turn.outgoing.fields

    def _rebase(self, mapped: Mapped | None) -> dict[str, Any]:
        """What came back is what both sides agree on. What was not edited since is what the external system made of it:
        trimmed, rounded, or as it was before.
        """
        case, entity, rules = self.case, self.case.entity, self.rules
        external = {**case.base, **self._sent} if mapped is None else dict(mapped.attributes)
        base, local = dict(case.base), dict(entity.attributes)
        for name, value in self._sent.items():
            if rules.of(name).direction is Direction.PUSH:
                base[name] = value
                continue
            _put(base, name, external.get(name, ABSENT))
            if same(local.get(name, ABSENT), value):
                _put(local, name, external.get(name, ABSENT))
        outcome = merge(
            base,
            local,
            external,
            rules,
            local_at=case.edited_at,
            external_at=None if mapped is None else mapped.updated_at,
        )
        changes = differences(entity.attributes, local)
        entity.attributes = local
        changes |= agree(entity, outcome)
        if mapped is not None:
            changes |= adopt(entity, mapped)
        record(self.trail, case, outcome, {})
        if outcome.conflicts:
            version = entity.external_version
            dispute(self.trail, case, EDIT, {name: one.document() for name, one in outcome.conflicts.items()}, version)
        elif case.conflict is not None and case.conflict.kind == EDIT:
            close(self.trail, case, {"by": "agreement"})
        if outcome.is_settled:
            case.settle(ChangeState.DONE, "same", self.trail.at)
        return changes

    def _answered(self) -> None:
        self.settled.answered += self.turn.edits[:1]

    def _look_if_seen(self, old_hash: bytes) -> None:
        """What a pull saw meanwhile was neither what was there before nor what this push made."""
        entity, seen = self.case.entity, self.seen
        if seen in (None, old_hash, entity.content_hash) or not self.turn.resource.abilities.looks_up:
            return
        outgoing = outgoing_of(entity, self.turn.resource, {}, self.turn.outgoing.idempotency_key)
        again = Turn(
            entity_id=entity.id,
            edits=(),
            token=self.turn.token,
            operation="look",
            resource=self.turn.resource,
            outgoing=outgoing,
        )
        self.settled.again.append(again)


def blocked_seconds(blocked: Failed) -> float:
    """How long nothing is sent."""
    return blocked.after_seconds or BLOCKED_SECONDS


def _put(document: dict[str, Any], name: str, value: Any) -> None:
    if value is ABSENT:
        document.pop(name, None)
    else:
        document[name] = value


def _absorb_twin(trail: Trail, entity: Entity, integration_id: str) -> None:
    """A pull has seen what this create made before the answer was there: its entity is this one."""
    mine = (Entity.instance_id == entity.instance_id) & (Entity.kind == entity.kind)
    twin = trail.session.scalars(select(Entity).where(mine, Entity.integration_id == integration_id)).first()
    if twin is None or twin.id == entity.id:
        return
    entity.user_data = {**(twin.user_data or {}), **(entity.user_data or {})} or None
    trail.note(entity, "merged", PUSH, {"id": [twin.id, entity.id]})
    trail.session.execute(delete(Entity).where(Entity.id == twin.id))
