"""A replay of many events as it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.delivery.event_replay.counts import ReplayCounts
from gateway.delivery.replays.reached import NOTHING, Reached
from gateway.jobs.models import Job, JobState
from gateway.tenants.audit import ActorKind


@dataclass(frozen=True, slots=True)
class ReplaySummary:
    """`asked` is what was asked for by name. `reached_at` is when the last event came that was looked at; `detail` says
    why it failed.
    """

    id: str
    state: JobState
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


def summary(row: Job) -> ReplaySummary:
    """The row as it is shown. One that is to be cancelled commits nothing more, so that it is."""
    reached = NOTHING if row.position is None else Reached.of(row.position)
    is_left = row.state == JobState.RUNNING and row.cancel_requested_at is not None
    return ReplaySummary(
        id=row.id,
        state=JobState.CANCELLED if is_left else JobState(row.state),
        is_plan=row.payload["is_plan"],
        asked={name: value for name, value in row.payload.items() if name != "is_plan"},
        counts=reached.counts,
        reached_at=reached.at,
        asker_kind=ActorKind(row.asker_kind),
        asker_id=row.asker_id,
        asker_name=row.asker_name,
        detail=row.error,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.cancel_requested_at if is_left else row.finished_at,
    )
