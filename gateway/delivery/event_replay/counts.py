"""What a replay of events does, or would do, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class ReplayCounts:
    """`events` were looked at; the others count deliveries, and events that get none.

    `created` are new ones, of which `unshaped` are dead at birth because the route's expressions fail on them.
    `replayed` are due again, of which `repeated` had arrived. Left as they are: `arrived`, `waiting` (or being tried,
    cancelled, or dead where nothing is to be sent again), and `kept_back`, whose route still cannot shape them.
    `turned_away` are events that the route does not take, `unrouted` those that went nowhere before.
    """

    events: int = 0
    created: int = 0
    unshaped: int = 0
    replayed: int = 0
    repeated: int = 0
    arrived: int = 0
    waiting: int = 0
    kept_back: int = 0
    turned_away: int = 0
    unrouted: int = 0

    @property
    def changes(self) -> int:
        """How many deliveries are made or made due."""
        return self.created + self.replayed

    def __add__(self, other: ReplayCounts) -> ReplayCounts:
        return ReplayCounts(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(ReplayCounts)))
