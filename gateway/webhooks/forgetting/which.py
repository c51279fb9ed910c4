"""Which events somebody wants forgotten, and as what that is kept with the job that does it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gateway.delivery.event_status import EventStatus
from gateway.delivery.looked_for import LookedFor
from gateway.events.search import EventFilter
from gateway.security.redaction import HIDDEN

# What may tell of the very person whose events are to be forgotten.
_TELLING = ("text", "vendor_id", "headers", "where")


@dataclass(frozen=True, slots=True)
class WhichForgotten:
    """Everything given has to hold. At least one thing has to be said."""

    filter: EventFilter = field(default_factory=EventFilter)
    status: EventStatus | None = None
    looked_for: LookedFor = field(default_factory=LookedFor)

    @property
    def is_bounded(self) -> bool:
        """Whether anything is said of which events are meant."""
        return self != WhichForgotten()

    def until(self, end: datetime) -> WhichForgotten:
        """The same, of what came before `end` where no other end is given."""
        return replace(self, filter=replace(self.filter, until=self.filter.until or end))


def as_payload(which: WhichForgotten) -> dict[str, Any]:
    """What is kept with a job, for as long as it needs it."""
    chosen, inside = which.filter, which.looked_for
    return {
        "source": chosen.source,
        "type": chosen.type,
        "status": which.status,
        "since": None if chosen.since is None else chosen.since.isoformat(),
        "until": None if chosen.until is None else chosen.until.isoformat(),
        "text": inside.text,
        "vendor_id": inside.vendor_id,
        "headers": [list(pair) for pair in inside.headers] or None,
        "where": inside.where,
    }


def which_of(payload: Mapping[str, Any]) -> WhichForgotten:
    """What was asked for."""
    since, until = (
        None if payload[name] is None else datetime.fromisoformat(payload[name]) for name in ("since", "until")
    )
    return WhichForgotten(
        EventFilter(payload["source"], payload["type"], since, until),
        None if payload["status"] is None else EventStatus(payload["status"]),
        LookedFor(
            payload["text"],
            payload["vendor_id"],
            tuple((name, value) for name, value in payload["headers"] or ()),
            payload["where"],
        ),
    )


def without_persons(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The same without what was looked for: it would outlast what is forgotten."""
    hidden = {name: [[HIDDEN, HIDDEN]] if name == "headers" else HIDDEN for name in _TELLING if payload[name]}
    return {**payload, **hidden}
