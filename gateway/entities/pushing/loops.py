"""Two tools that undo each other's work: seen by a field that goes to and fro between here and there. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final, NamedTuple

from gateway.entities.history import LOCAL

WITHIN: Final = timedelta(minutes=10)
ROUNDS: Final = 5
"""So many times here and there, within that time, are no people's work."""


class Step(NamedTuple):
    """A change of some fields, by whom (`HistoryEntry.origin`)."""

    origin: str
    changes: dict[str, Any]


def looping_field(steps: Iterable[Step], fields: Iterable[str]) -> str | None:
    """The one of `fields` that was changed here and there by turns too often; None where none was. `steps` are those of
    the last minutes, oldest first.
    """
    wanted = set(fields)
    turns: dict[str, int] = dict.fromkeys(wanted, 0)
    last: dict[str, bool] = {}
    for step in steps:
        is_ours = step.origin == LOCAL
        for name in wanted & step.changes.keys():
            if last.get(name) is not is_ours:
                last[name] = is_ours
                turns[name] += 1
    return next((name for name in sorted(wanted) if turns[name] >= 2 * ROUNDS), None)
