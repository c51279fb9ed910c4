"""When a check changes its mind, and what the checks of an integration say together. Pure.

One look that is worse proves nothing, and neither does one that is better: each has to be seen twice in a row, but for
the first one ever, and for what no second look will change (a refused password).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from gateway.clock import iso
from gateway.integrations.states import Health
from gateway.integrations.type import CheckResult

LOOKS: Final = 2
"""So many in a row say the same before a check says it."""
GRAVITY: Final = tuple(Health)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check as it stands: `health` and `message` since `since`. `candidate` was seen `seen` times in a row lately,
    and is what it may become.
    """

    name: str
    health: Health
    message: str
    since: datetime
    candidate: Health | None = None
    seen: int = 0

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "health": self.health.value,
            "message": self.message,
            "since": iso(self.since),
            "candidate": None if self.candidate is None else self.candidate.value,
            "seen": self.seen,
        }


def from_json(name: str, kept: Mapping[str, Any]) -> Check:
    """What `to_json` made."""
    candidate = kept.get("candidate")
    return Check(
        name=name,
        health=Health(kept["health"]),
        message=kept["message"],
        since=datetime.fromisoformat(kept["since"]),
        candidate=None if candidate is None else Health(candidate),
        seen=kept.get("seen", 0),
    )


def after(before: Check | None, seen: CheckResult, now: datetime, *, is_certain: bool = False) -> Check:
    """The check after one more look. `is_certain`: no second look is needed."""
    if before is None or before.health is Health.UNKNOWN:
        return Check(name=seen.name, health=seen.health, message=seen.message, since=now)
    if seen.health is before.health:
        return replace(before, message=seen.message, candidate=None, seen=0)
    count = before.seen + 1 if before.candidate is seen.health else 1
    if count >= LOOKS or is_certain:
        return Check(name=seen.name, health=seen.health, message=seen.message, since=now)
    return replace(before, candidate=seen.health, seen=count)


def worst(checks: Iterable[Check]) -> Health:
    """What they say together: the worst of those that know something."""
    return max((one.health for one in checks), key=GRAVITY.index, default=Health.UNKNOWN)
