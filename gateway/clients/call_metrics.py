"""Calls and connections counted and measured per system, for Prometheus: an observer of both.

Labels are a system's name, and words of ours with few values. Counting fails open: it never stops what it counts.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.clients.errors import IntegrationError
from gateway.clients.observer import CallReport

SUCCEEDED: Final = "succeeded"
SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class CallMetrics:
    """An `Observer` and a `SocketObserver` that counts in `registry`. One for all clients of a process.

    Where `PROMETHEUS_MULTIPROC_DIR` is set, prometheus_client adds up what the processes of a machine count.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, documentation: str, *labels: str) -> Callable[..., None]:
            return _fail_open(Counter(name, documentation, ["system", *labels], registry=registry), "inc")

        self._calls = counter("gateway_client_calls", "Calls to external systems, by outcome.", "outcome")
        self._tries = counter("gateway_client_tries", "Requests sent for calls to external systems.")
        self._waited = counter("gateway_client_waited_seconds", "What calls waited: for a turn, or to try again.")
        self._sent = counter("gateway_client_sent_bytes", "Bodies sent to external systems, in bytes.")
        self._received = counter("gateway_client_received_bytes", "Bodies of answers, in bytes.")
        self._fallbacks = counter("gateway_client_fallbacks", "Fallbacks used in place of an answer.", "outcome")
        self._kept = counter("gateway_client_kept_answers", "Answers given that a cache had.", "use")
        self._connected = counter("gateway_client_connections", "WebSockets that were opened.")
        self._lost = counter("gateway_client_connections_lost", "WebSockets that were lost, or not opened.", "outcome")
        self._malformed = counter("gateway_client_malformed_messages", "Messages that could not be read.")
        self._seconds = _fail_open(
            Histogram(
                "gateway_client_call_seconds",
                "A call to an external system with all its tries and waits, in seconds.",
                ["system"],
                registry=registry,
                buckets=SECONDS,
            ),
            "observe",
        )

    def ended(self, report: CallReport) -> None:
        self._calls(1, report.system, report.code or SUCCEEDED)
        self._tries(report.tries, report.system)
        self._waited(report.waited_seconds, report.system)
        self._sent(report.sent_bytes, report.system)
        self._received(report.received_bytes, report.system)
        self._seconds(report.seconds, report.system)
        if report.cached is not None:
            self._kept(1, report.system, report.cached)

    def paused(self, system: str, seconds: float, error: IntegrationError | None) -> None:
        """Told in all when the call ends."""

    def fell_back(self, system: str, error: IntegrationError) -> None:
        self._fallbacks(1, system, error.code)

    def opened(self, system: str, number: int) -> None:
        self._connected(1, system)

    def lost(self, system: str, error: IntegrationError, pause_seconds: float | None) -> None:
        self._lost(1, system, error.code)

    def malformed(self, system: str, size_bytes: int, reason: str) -> None:
        self._malformed(1, system)


def _fail_open(metric: Any, method: str) -> Callable[..., None]:
    # Looking a child up costs more than counting with it.
    children: dict[tuple[str, ...], Callable[[float], None]] = {}

    def record(amount: float, *labels: str) -> None:
        with suppress(Exception):
            child = children.get(labels)
            if child is None:
                child = children.setdefault(labels, getattr(metric.labels(*labels), method))
            child(amount)

    return record
