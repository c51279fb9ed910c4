"""Metrics: everything that is counted and measured, in one place.

Labels are words of ours with few values (provider, reason, outcome), never tenants or ids. The exceptions are names of
sources and destinations, of which each process tells `MOST_NAMES` apart, and counts the rest as `other`. Counting
fails open: it never stops what it counts, and its failures are counted. How things are (queue, breakers) is read from
the database when somebody asks, by a function that the application wires in; see `exposition`.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.telemetry.metric_files import reserve_files

Amount = TypeVar("Amount")

INGEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 14400.0, 86400.0)
CALL_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LOOP_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
BATCH_BUCKETS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


# As `gateway.tenants.models` has it, which stands above.
DEFAULT_TENANT_ID = "ten_default"
MOST_NAMES = 200
OTHER = "other"


class BoundedNames:
    """Which names are told apart: the first so many that this process has met."""

    def __init__(self, most: int = MOST_NAMES) -> None:
        self._most = most
        self._met: dict[tuple[str, str], str] = {}

    def of(self, tenant_id: str, name: str) -> str:
        """`name` as a label: with its tenant, unless that is the one of who has one only."""
        label = self._met.get((tenant_id, name))
        if label is None:
            if len(self._met) >= self._most:
                return OTHER
            label = name if tenant_id == DEFAULT_TENANT_ID else f"{tenant_id}/{name}"
            self._met[tenant_id, name] = label
        return label


class BatchHistogram(Histogram):
    """A histogram without labels that takes many observations for the price of a few."""

    def observe_all(self, amounts: Sequence[float]) -> None:
        """Observe each of `amounts`."""
        self._sum.inc(sum(amounts))
        for bucket, found in groupby(sorted(bisect_left(self._upper_bounds, amount) for amount in amounts)):
            self._buckets[bucket].inc(sum(1 for _ in found))


class Metrics:
    """The metrics of one process. One object per process; safe for any number of threads; importing makes none.

    With `metrics_dir`, files for this process are made there, which `render_metrics` of any process adds up.
    """

    def __init__(self, metrics_dir: Path | None = None) -> None:
        self.registry = CollectorRegistry()
        reserved = metrics_dir is None or _reserve(metrics_dir)
        self._failures = Counter(
            "gateway_telemetry_failures", "Things that could not be counted or measured.", registry=self.registry
        )
        if not reserved:
            self.failed()
        self._received = self._labelled("gateway_received", "Events stored, by provider.", "provider")
        self._received_of = self._labelled("gateway_source_received", "Events stored, by source.", "source")
        self._rejected_of = self._labelled(
            "gateway_source_rejected", "Inbound requests refused, by source and reason.", "source", "reason"
        )
        self._attempts_of = self._labelled(
            "gateway_destination_attempts", "Tries of deliveries, by destination and outcome.", "destination", "outcome"
        )
        self._sources, self._destinations = BoundedNames(), BoundedNames()
        self._rejected = self._labelled("gateway_rejected", "Inbound requests refused, by reason.", "reason")
        self._rejections_dropped = self._labelled(
            "gateway_rejections_dropped", "Refused requests that were not kept to be looked at, by reason.", "reason"
        )
        self._connections_refused = self._labelled(
            "gateway_connections_refused", "Connections that were refused or given up for room, by reason.", "reason"
        )
        self._api_refused = self._labelled(
            "gateway_api_refused", "API requests whose key was missing or wrong, or may not do this, by code.", "code"
        )
        self._attempts = self._labelled("gateway_attempts", "Tries of deliveries, by outcome.", "outcome")
        self._announcements_dropped = self._labelled(
            "gateway_announcements_dropped",
            "Due deliveries and jobs that the broker was not told of, by reason.",
            "reason",
        )
        self._announcements_refused = self._labelled(
            "gateway_announcements_refused",
            "Messages of the broker that nobody could make anything of, by reason.",
            "reason",
        )
        self._announcements_stale = self._counter(
            "gateway_announcements_stale", "Messages of the broker of which nothing was due any more."
        )
        self._jobs_finished = self._labelled(
            "gateway_jobs_finished", "Jobs that this worker saw end, by kind and state.", "kind", "state"
        )
        self._flows = self._labelled(
            "gateway_flows", "Ways of customers to a provider and back, by outcome.", "outcome"
        )
        self._refreshes = self._labelled(
            "gateway_connection_refreshes", "Renewals of connections' tokens, by outcome.", "outcome"
        )
        self._refresh_seconds = self._histogram(
            "gateway_connection_refresh_seconds",
            "From asking a provider for the next token to its being stored, in seconds.",
            CALL_BUCKETS,
        )
        self._duplicates = self._counter("gateway_duplicates", "Events that had been received before.")
        self._ingest = self._fail_open(
            BatchHistogram(
                "gateway_ingest_seconds",
                "From reading an inbound request to its commit, in seconds.",
                registry=self.registry,
                buckets=INGEST_BUCKETS,
            ).observe_all
        )
        self._latency = self._histogram(
            "gateway_delivery_latency_seconds", "From an event's receipt to its delivery, in seconds.", LATENCY_BUCKETS
        )
        self._loop_delay = self._histogram(
            "gateway_loop_delay_seconds", "By how much the event loop's alarms rang late, in seconds.", LOOP_BUCKETS
        )
        self._batch = self._histogram(
            "gateway_commit_batch_size", "Rows that shared one transaction of the commit writer.", BATCH_BUCKETS
        )

    def received(self, provider: str, count: int = 1) -> None:
        """Events of `provider` were stored."""
        self._received(provider, amount=count)

    def received_of(self, tenant_id: str, source: str, count: int) -> None:
        """Events of `source` were stored."""
        self._received_of(self._sources.of(tenant_id, source), amount=count)

    def rejected_of(self, tenant_id: str, source: str, reason: str) -> None:
        """A request to `source`, which there is, was refused."""
        self._rejected_of(self._sources.of(tenant_id, source), reason)

    def attempt_of(self, tenant_id: str, destination: str, outcome: str) -> None:
        """A delivery to `destination` was tried."""
        self._attempts_of(self._destinations.of(tenant_id, destination), outcome)

    def rejected(self, reason: str) -> None:
        """An inbound request was refused; `reason` is the code of the answer."""
        self._rejected(reason)

    def rejections_dropped(self, reason: str, count: int) -> None:
        """Refused requests were not kept, or not any longer, for want of room."""
        self._rejections_dropped(reason, amount=count)

    def connection_refused(self, reason: str) -> None:
        """The web server refused a connection, or gave up one or its requests to make room."""
        self._connections_refused(reason)

    def api_refused(self, code: str) -> None:
        """An API request was refused for its key; `code` is that of the answer."""
        self._api_refused(code)

    def job_finished(self, kind: str, state: str) -> None:
        """A job has ended, or was found to be given up."""
        self._jobs_finished(kind, state)

    def flow_ended(self, outcome: str) -> None:
        """A customer's way to a provider has ended; `outcome` is a code of `docs/reference/connecting.md`."""
        self._flows(outcome)

    def connection_refreshed(self, outcome: str, seconds: float) -> None:
        """A provider was asked for the next token of a connection, which took `seconds` with all that followed."""
        self._refreshes(outcome)
        self._refresh_seconds(seconds)

    def duplicates(self, count: int) -> None:
        """Events arrived that were there already."""
        if count:
            self._duplicates(count)

    def announcements_dropped(self, reason: str, count: int) -> None:
        """The broker was not told of so many deliveries or jobs; workers find them by themselves."""
        self._announcements_dropped(reason, amount=count)

    def announcement_refused(self, reason: str) -> None:
        """A message was dropped that is none of ours, or no whole one."""
        self._announcements_refused(reason)

    def announcements_stale(self, count: int) -> None:
        """So many messages told of nothing that was still due."""
        self._announcements_stale(count)

    def attempt(self, outcome: str) -> None:
        """A delivery was tried."""
        self._attempts(outcome)

    def ingested(self, seconds: Sequence[float]) -> None:
        """Inbound requests took so long from their reading to their commit, each."""
        self._ingest(seconds)

    def delivered(self, latency_seconds: float) -> None:
        """A delivery succeeded `latency_seconds` after the event's receipt."""
        self._latency(latency_seconds)

    def committed(self, rows: int) -> None:
        """The commit writer committed `rows` rows in one transaction."""
        self._batch(rows)

    def loop_delayed(self, seconds: float) -> None:
        """The event loop came back to an alarm `seconds` late."""
        self._loop_delay(seconds)

    def failed(self) -> None:
        """Something could not be counted or measured."""
        # The last resort: nothing is left to count this with.
        with suppress(Exception):
            self._failures.inc()

    def _counter(self, name: str, documentation: str) -> Callable[[float], None]:
        return self._fail_open(Counter(name, documentation, registry=self.registry).inc)

    def _histogram(self, name: str, documentation: str, buckets: tuple[float, ...]) -> Callable[[float], None]:
        return self._fail_open(Histogram(name, documentation, registry=self.registry, buckets=buckets).observe)

    def _labelled(self, name: str, documentation: str, *labels: str) -> Callable[..., None]:
        counter = Counter(name, documentation, labels, registry=self.registry)
        # Looking a child up costs more than counting with it.
        children: dict[tuple[str, ...], Callable[[float], None]] = {}

        def count(*values: str, amount: float = 1) -> None:
            try:
                child = children.get(values)
                if child is None:
                    child = children.setdefault(values, counter.labels(*values).inc)
                child(amount)
            except Exception:
                # As in _fail_open.
                self.failed()

        return count

    def _fail_open(self, record: Callable[[Amount], None]) -> Callable[[Amount], None]:
        def recorded(amount: Amount) -> None:
            try:
                record(amount)
            except Exception:
                # Whatever goes wrong in counting must not stop what is counted.
                self.failed()

        return recorded


def _reserve(metrics_dir: Path) -> bool:
    """Whether this process has room for its files; without, it counts as long as the disk lets it."""
    try:
        reserve_files(metrics_dir, os.getpid())
    except OSError:
        return False
    return True
