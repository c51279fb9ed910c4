"""Jobs that change many deliveries: from payload to use case."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.delivery.models import DeliveryState
from gateway.delivery.retry import RetryFilter, cancel_pending, retry_many
from gateway.jobs.kind import Result
from gateway.jobs.run import JobRun


def retry(run: JobRun) -> Result:
    """Try many again. Raises `NotFound`, `InvalidInput`."""
    return {"count": retry_many(run.begin, _chosen(run.payload), run)}


def cancel(run: JobRun) -> Result:
    """Stop all that wait for a destination. Raises `NotFound`."""
    return {"count": cancel_pending(run.begin, run.payload["destination"], run)}


def as_payload(chosen: RetryFilter) -> dict[str, Any]:
    """What is kept of a filter."""
    return {
        "states": sorted(chosen.states),
        "destination": chosen.destination,
        "source": chosen.source,
        "type": chosen.type,
        "since": None if chosen.since is None else chosen.since.isoformat(),
        "until": None if chosen.until is None else chosen.until.isoformat(),
    }


def _chosen(payload: Mapping[str, Any]) -> RetryFilter:
    since, until = (payload[name] and datetime.fromisoformat(payload[name]) for name in ("since", "until"))
    states = frozenset(map(DeliveryState, payload["states"]))
    return RetryFilter(states, payload["destination"], payload["source"], payload["type"], since or None, until or None)
