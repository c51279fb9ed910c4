"""Who hears of calls with connections: the log, and the process's metrics."""

from __future__ import annotations

from gateway.clients.call_metrics import CallMetrics
from gateway.clients.observer import LogLines, Observer
from gateway.installation import Installation


def observers_of(installation: Installation) -> tuple[Observer, ...]:
    """The same for all calls of this process."""
    return installation.part(_make)


def _make(installation: Installation) -> tuple[Observer, ...]:
    return LogLines(), CallMetrics(installation.metrics.registry)
