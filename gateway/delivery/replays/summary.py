"""A replay of many events as it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.delivery.event_replay.counts import ReplayCounts
from gateway.delivery.replays.models import Replay, ReplayState
from gateway.tenants.audit import ActorKind


@dataclass(frozen=True, slots=True)
class ReplaySummary:
    """`asked` is what was asked for by name. `reached_at` is when the last event came that was looked at; `detail` says
    why it failed.
    """

    id: str
    state: ReplayState
    is_plan: bool
    asked: Mapping[str, Any]
    counts: ReplayCounts
    reached_at: datetime | None
    asker_kind: ActorKind
    asker_id: str | None
    asker_name: str
    detail: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def summary(row: Replay) -> ReplaySummary:
    """The row as it is shown."""
    return ReplaySummary(
        id=row.id,
        state=ReplayState(row.state),
        is_plan=row.is_plan,
        asked=row.asked,
        counts=ReplayCounts(**row.counts),
        reached_at=row.reached_at,
        asker_kind=ActorKind(row.asker_kind),
        asker_id=row.asker_id,
        asker_name=row.asker_name,
        detail=row.detail,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
