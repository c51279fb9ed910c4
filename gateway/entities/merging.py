"""The three-way merge of an entity, by field. Pure.

Of each field there is what both sides last agreed on (base), what is true here (local) and what the external system
has. Where the two sides say the same, there is nothing to decide, and where one of them did not move, the other one's
counts. Where both moved apart, the field's policy decides; what it leaves open is a conflict, for which the base stays
as it was.
Absent is not null. A list is one value, unless its rule names a member by which its items are told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from gateway.entities.comparing import ABSENT, Value, same
from gateway.entities.external import Direction, FieldRule, Policy
from gateway.entities.rules import Rules

LOCAL: Final = "local"
EXTERNAL: Final = "external"
Side: TypeAlias = Literal["local", "external"]


class Sides(NamedTuple):
    """A field that both sides changed. `ABSENT` where it is not there."""

    base: Value
    local: Value
    external: Value

    def document(self) -> dict[str, Any]:
        """As JSON: what is absent is no member."""
        return {name: value for name, value in self._asdict().items() if value is not ABSENT}


class Decided(NamedTuple):
    """A field that a policy settled."""

    policy: Policy
    winner: Side
    sides: Sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """What a merge came to.

    `attributes` are those of here from now on: where there is a conflict, the local ones. `base` is what both sides
    agree on now; a field in conflict keeps the base that it had. `to_send` are the fields of which the external system
    is to be told, with their values; None for one that is gone here. `conflicts` wait for a person. `decided` are those
    that a policy settled.
    """

    attributes: Mapping[str, Any]
    base: Mapping[str, Any]
    to_send: Mapping[str, Any]
    conflicts: Mapping[str, Sides]
    decided: Mapping[str, Decided]

    @property
    def is_settled(self) -> bool:
        """Both sides are one: nothing to send, and nothing to decide."""
        return not self.to_send and not self.conflicts


class _Outcome(NamedTuple):
    """Of one field. `value` is that of here, `agreed` the new base."""

    value: Value
    agreed: Value
    is_conflict: bool = False
    winner: Side | None = None


def merge(
    base: Mapping[str, Any],
    local: Mapping[str, Any],
    external: Mapping[str, Any],
    rules: Rules,
    *,
    local_at: datetime | None = None,
    external_at: datetime | None = None,
) -> Merge:
    """Bring the sides of an entity together.

    `local_at` is when it was last edited here, `external_at` when the external system says that it changed there: for
    `newest_wins`, to which a time that nobody knows is a conflict.
    """
    attributes: dict[str, Any] = {}
    agreed: dict[str, Any] = {}
    to_send: dict[str, Any] = {}
    conflicts: dict[str, Sides] = {}
    decided: dict[str, Decided] = {}
    is_later = _later(local_at, external_at, rules.options.skew_seconds)
    for field in _names(base, local, external):
        sides = Sides(base.get(field, ABSENT), local.get(field, ABSENT), external.get(field, ABSENT))
        rule = rules.of(field)
        outcome = _merged(sides, rule, is_later)
        _put(attributes, field, outcome.value)
        _put(agreed, field, outcome.agreed)
        if outcome.is_conflict:
            conflicts[field] = sides
        elif rule.direction is not Direction.PULL and not same(outcome.value, outcome.agreed):
            to_send[field] = None if outcome.value is ABSENT else outcome.value
        if outcome.winner is not None and rule.policy is not None:
            decided[field] = Decided(rule.policy, outcome.winner, sides)
    return Merge(attributes=attributes, base=agreed, to_send=to_send, conflicts=conflicts, decided=decided)


def _names(*documents: Mapping[str, Any]) -> Iterable[str]:
    """All fields, in the order of the first document that has each."""
    return dict.fromkeys(name for document in documents for name in document)


def _put(document: dict[str, Any], field: str, value: Value) -> None:
    if value is not ABSENT:
        document[field] = value


def _later(local_at: datetime | None, external_at: datetime | None, skew_seconds: float) -> Side | None:
    """Who was last, as far as clocks can tell."""
    if local_at is None or external_at is None:
        return None
    ahead = (local_at - external_at).total_seconds()
    if abs(ahead) <= skew_seconds:
        return None
    return LOCAL if ahead > 0 else EXTERNAL


def _merged(sides: Sides, rule: FieldRule, later: Side | None) -> _Outcome:
    base, local, external = sides
    if rule.direction is Direction.PULL:
        return _Outcome(external, external)
    if rule.direction is Direction.PUSH:
        # Ours alone: what is there was what we sent, or somebody else's word, which does not count.
        return _Outcome(local, base)
    if same(local, external) or same(local, base):
        return _Outcome(external, external)
    if same(external, base):
        return _Outcome(local, external)
    if rule.list_key is not None:
        return _merged_lists(sides, rule, later)
    return _settled(sides, rule, later)


def _settled(sides: Sides, rule: FieldRule, later: Side | None) -> _Outcome:
    winner = _winner(rule, later)
    if winner is None:
        return _Outcome(sides.local, sides.base, is_conflict=True)
    value = sides.local if winner == LOCAL else sides.external
    return _Outcome(value, sides.external, winner=winner)


def _winner(rule: FieldRule, later: Side | None) -> Side | None:
    if rule.policy is Policy.EXTERNAL_WINS:
        return EXTERNAL
    if rule.policy is Policy.LOCAL_WINS:
        return LOCAL
    if rule.policy is Policy.NEWEST_WINS:
        return later
    if rule.policy is Policy.PRIORITY:
        return LOCAL if rule.preferred == LOCAL else EXTERNAL if rule.preferred == EXTERNAL else None
    return None


def _merged_lists(sides: Sides, rule: FieldRule, later: Side | None) -> _Outcome:
    """Item by item; in the external order, with what was added here at the end."""
    assert rule.list_key is not None
    tables = [_by_key(value, rule.list_key) for value in sides]
    base, local, external = tables
    if base is None or local is None or external is None:
        return _settled(sides, rule, later)
    plain = FieldRule(direction=Direction.BOTH, policy=rule.policy, preferred=rule.preferred)
    kept: list[Any] = []
    winner: Side | None = None
    for key in _names(external, local, base):
        item = Sides(base.get(key, ABSENT), local.get(key, ABSENT), external.get(key, ABSENT))
        outcome = _merged(item, plain, later)
        if outcome.is_conflict:
            return _Outcome(sides.local, sides.base, is_conflict=True)
        winner = outcome.winner or winner
        if outcome.value is not ABSENT:
            kept.append(outcome.value)
    return _Outcome(kept, sides.external, winner=winner)


def _by_key(value: Value, key: str) -> dict[str, Any] | None:
    """The items of a list by their key; None where they cannot be told apart by it."""
    if value is ABSENT or value is None:
        return {}
    if not isinstance(value, list):
        return None
    items = {str(item[key]): item for item in value if isinstance(item, Mapping) and item.get(key) is not None}
    return items if len(items) == len(value) else None
