"""How far a replay has come: the position of its job. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from gateway.clock import iso
from gateway.delivery.event_replay.counts import ReplayCounts


@dataclass(frozen=True, slots=True)
class Reached:
    """`after` is the id of the last event that was looked at, empty for none, and `at` when it came."""

    after: str = ""
    at: datetime | None = None
    counts: ReplayCounts = field(default_factory=ReplayCounts)
    is_over: bool = False

    @property
    def line(self) -> str | None:
        """The same for people."""
        return None if self.at is None else f"up to {iso(self.at)}"

    def as_position(self) -> dict[str, Any]:
        """As it is kept."""
        at = None if self.at is None else self.at.isoformat()
        return {"after": self.after, "at": at, "counts": asdict(self.counts), "is_over": self.is_over}

    @classmethod
    def of(cls, position: Mapping[str, Any]) -> Reached:
        """As it was kept, by this version or another one: counts that are not known here are left out."""
        at = None if position["at"] is None else datetime.fromisoformat(position["at"])
        counts = {one.name: position["counts"].get(one.name, 0) for one in fields(ReplayCounts)}
        return cls(position["after"], at, ReplayCounts(**counts), position["is_over"])


NOTHING = Reached()
