"""What may be asked for of a replay of many events, and as what it is kept. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.delivery.event_replay.aim import Again, Aim
from gateway.delivery.event_replay.replay import WhichEvents
from gateway.delivery.event_status import EventStatus
from gateway.events.search import EventFilter


@dataclass(frozen=True, slots=True)
class ReplayDraft:
    """Which events are meant, and how they are delivered again. With `is_plan` what that would do is only counted."""

    which: WhichEvents = field(default_factory=WhichEvents)
    aim: Aim = field(default_factory=Aim)
    is_plan: bool = False

    @property
    def is_bounded(self) -> bool:
        """Whether anything is said of which events are meant."""
        return self.which != WhichEvents()


def as_asked(draft: ReplayDraft) -> dict[str, Any]:
    """What is kept of a draft."""
    chosen, aim = draft.which.filter, draft.aim
    return {
        "source": chosen.source,
        "type": chosen.type,
        "status": draft.which.status,
        "since": None if chosen.since is None else chosen.since.isoformat(),
        "until": None if chosen.until is None else chosen.until.isoformat(),
        "route": aim.route,
        "destination": aim.destination,
        "again": aim.again.value,
    }


def which_of(asked: Mapping[str, Any]) -> WhichEvents:
    """The events that are meant."""
    status = None if asked["status"] is None else EventStatus(asked["status"])
    bounds = [None if asked[name] is None else datetime.fromisoformat(asked[name]) for name in ("since", "until")]
    return WhichEvents(EventFilter(asked["source"], asked["type"], *bounds), status)


def aim_of(asked: Mapping[str, Any]) -> Aim:
    """How they are delivered again."""
    return Aim(Again(asked["again"]), asked["route"], asked["destination"])
