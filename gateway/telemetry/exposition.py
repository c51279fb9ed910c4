"""What `/metrics` answers: the counts of all processes, and the state of the queue at this moment.

The text format is Prometheus' (version 0.0.4). What is counted is listed in `metrics`, except for the gauges below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.values import MutexValue, ValueClass

from gateway.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class QueueGauges:
    """The queue as the database has it: how many deliveries wait, for how long, and who is not called.

    `depth_by_state` and `breakers_by_state` count deliveries that are not finished, and destinations, by the name of
    their state. `oldest_due_seconds` is the age of the oldest delivery that is due, 0 when none is.
    """

    depth_by_state: Mapping[str, int] = field(default_factory=dict)
    oldest_due_seconds: float = 0.0
    breakers_by_state: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobGauges:
    """Jobs that are not finished by kind and state, how long the oldest of each kind has been due (0 when none is),
    schedules that are due and not taken, workers that were seen lately (`alive`) and that were not (`silent`).
    """

    jobs_by_kind_and_state: Mapping[tuple[str, str], int] = field(default_factory=dict)
    oldest_seconds_by_kind: Mapping[str, float] = field(default_factory=dict)
    overdue_schedules: int = 0
    workers_by_state: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConfigurationGauges:
    """The configuration as this process has it: how many things are out of order by their kind (`source`,
    `destination`, `route`), and how long ago it was certain that it is what the database has.
    """

    out_of_order_by_kind: Mapping[str, int] = field(default_factory=dict)
    age_seconds: float = 0.0


class ConfigurationCollector(Collector):
    """Asks `read` for the gauges at every scrape. When `read` fails there are none, and `metrics` counts it."""

    def __init__(self, read: Callable[[], ConfigurationGauges], metrics: Metrics) -> None:
        self._read = read
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        try:
            gauges = self._read()
        except Exception:
            # As for the queue.
            self._metrics.failed()
            return []
        broken = GaugeMetricFamily(
            "gateway_out_of_order", "Things that cannot be loaded as they are stored.", labels=["kind"]
        )
        for kind, count in gauges.out_of_order_by_kind.items():
            broken.add_metric([kind], count)
        age = GaugeMetricFamily(
            "gateway_configuration_age_seconds",
            "Since when the answering process could not look whether its configuration is current.",
            value=gauges.age_seconds,
        )
        return [broken, age]


class QueueCollector(Collector):
    """Asks `read` for the gauges at every scrape. When `read` fails there are none, and `metrics` counts it."""

    def __init__(self, read: Callable[[], QueueGauges], metrics: Metrics) -> None:
        self._read = read
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        try:
            gauges = self._read()
        except Exception:
            # A database that is away must not take the other metrics along.
            self._metrics.failed()
            return []
        depth = GaugeMetricFamily("gateway_queue_depth", "Deliveries that are not finished.", labels=["state"])
        for state, count in gauges.depth_by_state.items():
            depth.add_metric([state], count)
        age = GaugeMetricFamily(
            "gateway_oldest_due_seconds", "Age of the oldest delivery that is due.", value=gauges.oldest_due_seconds
        )
        breakers = GaugeMetricFamily(
            "gateway_breakers", "Destinations by the state of their circuit.", labels=["state"]
        )
        for state, count in gauges.breakers_by_state.items():
            breakers.add_metric([state], count)
        return [depth, age, breakers]


class JobCollector(Collector):
    """Asks `read` for the gauges at every scrape. When `read` fails there are none, and `metrics` counts it."""

    def __init__(self, read: Callable[[], JobGauges], metrics: Metrics) -> None:
        self._read = read
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        try:
            gauges = self._read()
        except Exception:
            # As for the queue.
            self._metrics.failed()
            return []
        jobs = GaugeMetricFamily("gateway_jobs", "Jobs that are not finished.", labels=["kind", "state"])
        for (kind, state), count in gauges.jobs_by_kind_and_state.items():
            jobs.add_metric([kind, state], count)
        age = GaugeMetricFamily(
            "gateway_oldest_job_seconds", "For how long the oldest job has been due that waits.", labels=["kind"]
        )
        for kind, seconds in gauges.oldest_seconds_by_kind.items():
            age.add_metric([kind], seconds)
        overdue = GaugeMetricFamily(
            "gateway_schedules_overdue", "Schedules that are due and not taken.", value=gauges.overdue_schedules
        )
        workers = GaugeMetricFamily(
            "gateway_workers", "Worker processes by whether they were seen lately.", labels=["state"]
        )
        for state, count in gauges.workers_by_state.items():
            workers.add_metric([state], count)
        return [jobs, age, overdue, workers]


@dataclass(frozen=True, slots=True)
class RenderedMetrics:
    """The body of the answer, and its content type."""

    body: bytes
    content_type: str


def render_metrics(
    metrics: Metrics, *, metrics_dir: Path | None, collectors: Iterable[Collector] = ()
) -> RenderedMetrics:
    """All metrics in Prometheus' text format.

    With `metrics_dir`, those of every process that counts there, dead ones included, so that totals never go back;
    else those of this process. A metrics directory that cannot be read is counted, and its metrics left out.
    """
    registry = CollectorRegistry()
    registry.register(_Processes(metrics, metrics_dir))
    for collector in collectors:
        registry.register(collector)
    return RenderedMetrics(body=generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Processes(Collector):
    """The counts of this process, or of all that share a directory."""

    def __init__(self, metrics: Metrics, metrics_dir: Path | None) -> None:
        self._metrics = metrics
        self._metrics_dir = metrics_dir

    def collect(self) -> Iterable[Metric]:
        # Without the variable in the environment at its import, the library keeps values in this process only.
        if self._metrics_dir is None or ValueClass is MutexValue:
            return list(self._metrics.registry.collect())
        try:
            return list(MultiProcessCollector(None, path=str(self._metrics_dir)).collect())
        except (OSError, ValueError, RuntimeError):
            self._metrics.failed()
            return []
