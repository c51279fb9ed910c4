"""What `/metrics` answers: the counts of all processes, and the state of the queue at this moment.

The text format is Prometheus' (version 0.0.4). What is counted is listed in `metrics`, except for the gauges below.
"""

from __future__ import annotations

import platform
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.values import MutexValue, ValueClass

from gateway.telemetry.metrics import Metrics

Gauges = TypeVar("Gauges")


@dataclass(frozen=True, slots=True)
class QueueGauges:
    """The queue as the database has it: how many deliveries wait, for how long, and who is not called.

    `depth_by_state` and `breakers_by_state` count deliveries that are not finished, and destinations, by the name of
    their state. `oldest_due_seconds` is the age of the oldest delivery that is due, 0 when none is. The rest is by
    the names of destinations, a few hundred at most: dead letters, circuits that are not closed, the same age.
    """

    depth_by_state: Mapping[str, int] = field(default_factory=dict)
    oldest_due_seconds: float = 0.0
    breakers_by_state: Mapping[str, int] = field(default_factory=dict)
    dead_by_destination: Mapping[str, int] = field(default_factory=dict)
    circuits: Mapping[str, str] = field(default_factory=dict)
    oldest_due_by_destination: Mapping[str, float] = field(default_factory=dict)


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
class ConnectionGauges:
    """Connections that were not ended, by provider and state, and those whose refresh is overdue."""

    connections_by_provider_and_state: Mapping[tuple[str, str], int] = field(default_factory=dict)
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class IntegrationGauges:
    """Integrations by type, state and health."""

    by_type_state_and_health: Mapping[tuple[str, str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConfigurationGauges:
    """The configuration as this process has it: how many things are out of order by their kind (`source`,
    `destination`, `route`), and how long ago it was certain that it is what the database has.
    """

    out_of_order_by_kind: Mapping[str, int] = field(default_factory=dict)
    age_seconds: float = 0.0


class _GaugeCollector(Collector, Generic[Gauges]):
    """Asks `read` for the gauges at every scrape. When `read` fails there are none, and `metrics` counts it."""

    def __init__(self, read: Callable[[], Gauges], metrics: Metrics) -> None:
        self._read = read
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        try:
            gauges = self._read()
        except Exception:
            # A database that is away must not take the other metrics along.
            self._metrics.failed()
            return []
        return self._families(gauges)

    @abstractmethod
    def _families(self, gauges: Gauges) -> Iterable[Metric]:
        """The metrics that say it."""


class ConfigurationCollector(_GaugeCollector[ConfigurationGauges]):
    """How the configuration is."""

    def _families(self, gauges: ConfigurationGauges) -> Iterable[Metric]:
        told = "Things that cannot be loaded as they are stored."
        yield _by_label("gateway_out_of_order", told, "kind", gauges.out_of_order_by_kind)
        yield GaugeMetricFamily(
            "gateway_configuration_age_seconds",
            "Since when the answering process could not look whether its configuration is current.",
            value=gauges.age_seconds,
        )


class QueueCollector(_GaugeCollector[QueueGauges]):
    """How the queue is."""

    def _families(self, gauges: QueueGauges) -> Iterable[Metric]:
        yield _by_label("gateway_queue_depth", "Deliveries that are not finished.", "state", gauges.depth_by_state)
        yield GaugeMetricFamily(
            "gateway_oldest_due_seconds", "Age of the oldest delivery that is due.", value=gauges.oldest_due_seconds
        )
        told = "Destinations by the state of their circuit."
        yield _by_label("gateway_breakers", told, "state", gauges.breakers_by_state)
        told = "Deliveries that were given up, by destination."
        yield _by_label("gateway_dead_letters", told, "destination", gauges.dead_by_destination)
        told = "Age of the oldest delivery that is due, by destination."
        due = gauges.oldest_due_by_destination
        yield _by_label("gateway_destination_oldest_due_seconds", told, "destination", due)
        circuits = GaugeMetricFamily(
            "gateway_circuit", "Circuits that are not closed.", labels=["destination", "state"]
        )
        for destination, state in gauges.circuits.items():
            circuits.add_metric([destination, state], 1)
        yield circuits


class JobCollector(_GaugeCollector[JobGauges]):
    """How jobs, schedules and workers are."""

    def _families(self, gauges: JobGauges) -> Iterable[Metric]:
        jobs = GaugeMetricFamily("gateway_jobs", "Jobs that are not finished.", labels=["kind", "state"])
        for (kind, state), count in gauges.jobs_by_kind_and_state.items():
            jobs.add_metric([kind, state], count)
        yield jobs
        told = "For how long the oldest job has been due that waits."
        yield _by_label("gateway_oldest_job_seconds", told, "kind", gauges.oldest_seconds_by_kind)
        yield GaugeMetricFamily(
            "gateway_schedules_overdue", "Schedules that are due and not taken.", value=gauges.overdue_schedules
        )
        told = "Worker processes by whether they were seen lately."
        yield _by_label("gateway_workers", told, "state", gauges.workers_by_state)


class ConnectionCollector(_GaugeCollector[ConnectionGauges]):
    """How connections are."""

    def _families(self, gauges: ConnectionGauges) -> Iterable[Metric]:
        told = "Connections that were not ended."
        connections = GaugeMetricFamily("gateway_connections", told, labels=["provider", "state"])
        for (provider, state), count in gauges.connections_by_provider_and_state.items():
            connections.add_metric([provider, state], count)
        yield connections
        yield GaugeMetricFamily(
            "gateway_connections_overdue", "Connections whose refresh is due and not taken.", value=gauges.overdue
        )


class BuildCollector(Collector):
    """What runs: constant while the process lives."""

    def __init__(self, version: str, database: str) -> None:
        self._labels = {"version": version, "python": platform.python_version(), "database": database}

    def collect(self) -> Iterable[Metric]:
        """One gauge that is always 1; its labels tell."""
        family = GaugeMetricFamily("gateway_build_info", "What runs; always 1.", labels=list(self._labels))
        family.add_metric(list(self._labels.values()), 1)
        return [family]


class IntegrationCollector(_GaugeCollector[IntegrationGauges]):
    """How integrations are."""

    def _families(self, gauges: IntegrationGauges) -> Iterable[Metric]:
        labels = ["type", "state", "health"]
        family = GaugeMetricFamily("gateway_integrations", "Integrations.", labels=labels)
        for values, count in gauges.by_type_state_and_health.items():
            family.add_metric(list(values), count)
        yield family


def _by_label(name: str, told: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, told, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


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
    # Of the process that answers: memory, time of the processor, open files, when it started.
    ProcessCollector(registry=registry)
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
