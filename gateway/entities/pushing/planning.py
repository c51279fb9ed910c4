"""What is to be sent of an entity's unsettled edits: several of them are one call. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from gateway.entities.cases import MAYBE, Case
from gateway.entities.comparing import ABSENT, same
from gateway.entities.models import LocalChange
from gateway.entities.rules import Rules
from gateway.entities.states import ChangeState

Operation: TypeAlias = Literal["create", "update", "delete", "withdraw", "look", "nothing"]
"""`withdraw` undoes a create that may have happened. `look` only reads."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`fields` are sent, `edits` are carried by it. `is_doubtful`: an earlier try may have taken effect. `written` are,
    for a deletion, the attributes that the external system has if it did.
    """

    operation: Operation
    edits: Sequence[LocalChange]
    fields: Mapping[str, Any] = field(default_factory=dict)
    is_doubtful: bool = False
    written: Mapping[str, Any] | None = None


def is_due(edit: LocalChange, now: datetime) -> bool:
    """Whether it can be sent: it waits, or whoever had it is gone."""
    if edit.state == ChangeState.SENDING:
        return edit.lease_expires_at is None or edit.lease_expires_at <= now
    return edit.state == ChangeState.PENDING


def plan_of(case: Case, rules: Rules, now: datetime) -> Plan:
    """What to send next of an entity."""
    due = [one for one in case.edits if is_due(one, now)]
    doubtful = [one for one in due if one.state == ChangeState.SENDING or one.reason == MAYBE]
    if case.entity.deleted_at is not None:
        return _of_deletion(case, due, doubtful)
    taken = doubtful or due
    if case.entity.integration_id is None:
        return Plan("create", taken, _sent(case, case.entity.attributes, taken, due), bool(doubtful))
    names = {name for one in taken for name in one.fields}
    changed = {
        name: value
        for name, value in case.entity.attributes.items()
        if name in names and _is_news(case, rules, name, value)
    }
    if not changed:
        return Plan("nothing", taken)
    return Plan("update", taken, _sent(case, changed, taken, due), bool(doubtful))


def _of_deletion(case: Case, due: Sequence[LocalChange], doubtful: Sequence[LocalChange]) -> Plan:
    """What else was edited goes with it, unsent: only what may have been sent before is carried along."""
    is_doubtful = bool(doubtful)
    if case.entity.integration_id is None:
        return Plan("withdraw" if is_doubtful else "nothing", due, is_doubtful=is_doubtful)
    if not any(one.operation == "delete" for one in due):
        return Plan("nothing", due)
    written = {name: value for one in doubtful for name, value in one.fields.items()}
    carried = [one for one in due if one.operation == "delete" or one in doubtful]
    return Plan("delete", carried, is_doubtful=is_doubtful, written={**case.base, **written} if written else None)


def _is_news(case: Case, rules: Rules, name: str, value: Any) -> bool:
    is_open = name not in case.disputed and rules.is_sent(name)
    return is_open and not same(value, case.base.get(name, ABSENT))


def _sent(
    case: Case, fields: Mapping[str, Any], taken: Sequence[LocalChange], due: Sequence[LocalChange]
) -> dict[str, Any]:
    """The fields as they are now; of what may have been sent already, as it was then: it is the same call again."""
    later = {name for one in due if one not in taken for name in one.fields}
    then = {name: value for one in taken for name, value in one.fields.items()}
    return {name: then[name] if name in later and name in then else value for name, value in fields.items()}
