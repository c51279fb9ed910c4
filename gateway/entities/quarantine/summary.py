"""A record in quarantine as it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.entities.models import QuarantinedRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedSummary:
    """`instance_id` is the integration's id, `integration` its name where known; else as `QuarantinedRecord`."""

    id: str
    instance_id: str
    integration: str | None = None
    resource: str
    integration_id: str | None
    state: str
    reasons: Sequence[Mapping[str, Any]]
    raw: str
    run_id: str | None
    times: int
    first_at: datetime
    last_at: datetime


def summary(row: QuarantinedRecord) -> QuarantinedSummary:
    """The row as it is shown."""
    return QuarantinedSummary(
        id=row.id,
        instance_id=row.instance_id,
        resource=row.resource,
        integration_id=row.integration_id,
        state=row.state,
        reasons=row.reasons,
        raw=row.raw,
        run_id=row.run_id,
        times=row.times,
        first_at=row.first_at,
        last_at=row.last_at,
    )
