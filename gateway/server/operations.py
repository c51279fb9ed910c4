"""What operators and their machines ask: `/healthz`, `/readyz`, `/metrics`. Strangers hear whether, and no more."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask, Response, jsonify, request

from gateway.announcing.publisher import Publisher
from gateway.clock import Clock, from_us
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.schema.version import require_current
from gateway.db.shared_clock import shared_now
from gateway.db.snapshot import Snapshot
from gateway.delivery.queue.gauges import read_queue_gauges
from gateway.engines.kinds import KINDS
from gateway.errors import GatewayError, StorageUnavailable
from gateway.integrations.health.gauges import read_integration_gauges
from gateway.jobs.gauges import count_overdue, read_job_gauges
from gateway.jobs.workers.search import find_workers
from gateway.oauth.connections.gauges import read_connection_gauges
from gateway.release import installed_version
from gateway.server.insiders import is_insider
from gateway.telemetry.exposition import (
    BuildCollector,
    ConfigurationCollector,
    ConfigurationGauges,
    ConnectionCollector,
    IntegrationCollector,
    JobCollector,
    QueueCollector,
    render_metrics,
)
from gateway.telemetry.health import HealthCheck, HealthReport
from gateway.telemetry.metrics import Metrics
from gateway.webhooks.receive.snapshot import InboundSnapshot

# Longer than a look at the revision takes when the database is busy.
STALE_SECONDS = 10.0

HEALTHZ, READYZ, METRICS = "/healthz", "/readyz", "/metrics"
PATHS = frozenset({HEALTHZ, READYZ, METRICS})


def register(
    app: Flask,
    settings: Settings,
    database: Database,
    clock: Clock,
    metrics: Metrics,
    configuration: Snapshot[InboundSnapshot],
    publisher: Publisher | None,
) -> None:
    """Add the three URLs to `app`. `publisher` is what tells the broker, where there is one."""
    integrations = IntegrationCollector(lambda: read_integration_gauges(database), metrics)
    configured = ConfigurationCollector(lambda: configuration_gauges(configuration), metrics)
    queue = QueueCollector(lambda: read_queue_gauges(database, clock), metrics)
    jobs = JobCollector(lambda: read_job_gauges(database, clock, KINDS), metrics)
    connections = ConnectionCollector(lambda: read_connection_gauges(database, clock), metrics)

    build = BuildCollector(installed_version(), database.engine.dialect.name)

    @app.get(HEALTHZ)
    def healthz() -> Response:
        return jsonify(status="ok")

    @app.get(READYZ)
    def readyz() -> tuple[Response, int]:
        report = HealthReport(tuple(checks(database, clock, configuration, publisher)))
        has_details = is_insider(request.environ, settings.metrics_token)
        return jsonify(report.to_json(has_details=has_details)), report.http_status

    @app.get(METRICS)
    def prometheus() -> Response:
        if not is_insider(request.environ, settings.metrics_token):
            return refuse_metrics(has_token=bool(settings.metrics_token))
        collectors = [build, queue, jobs, connections, integrations, configured]
        rendered = render_metrics(metrics, metrics_dir=settings.metrics_dir, collectors=collectors)
        return Response(rendered.body, content_type=rendered.content_type)


def refuse_metrics(*, has_token: bool) -> Response:
    """The answer to a stranger who asks for metrics, where there is a token and where there is none."""
    if not has_token:
        text = "metrics are for this machine; GATEWAY_METRICS_TOKEN lets others ask for them\n"
        return Response(text, 403, content_type="text/plain")
    headers = {"WWW-Authenticate": 'Bearer realm="gateway metrics"'}
    return Response("the token of GATEWAY_METRICS_TOKEN is wanted\n", 401, headers, content_type="text/plain")


def checks(
    database: Database, clock: Clock, configuration: Snapshot[InboundSnapshot], publisher: Publisher | None
) -> Iterator[HealthCheck]:
    """What `/readyz` looks at."""
    found = database_check(database)
    yield found
    if found.ok or configuration.is_loaded:
        yield configuration_check(configuration)
    if found.ok:
        yield from worker_check(database, clock)
        yield from integrations_check(database)
    if publisher is not None:
        yield broker_check(publisher)


def broker_check(publisher: Publisher) -> HealthCheck:
    """How the broker is. Webhooks are received and delivered without it, only later: never failing."""
    state = publisher.state
    if state.is_connected:
        return HealthCheck("broker", ok=True, detail="connected")
    detail = f"away since {from_us(state.since_us):%Y-%m-%d %H:%M:%S} UTC: {state.error or 'not connected yet'}"
    return HealthCheck("broker", ok=True, detail=detail, is_degraded=True)


def worker_check(database: Database, clock: Clock) -> Iterator[HealthCheck]:
    """Which workers there are, and whether schedules are overdue. This process serves without any: never failing."""
    try:
        now = shared_now(clock, database)
        with database.read() as connection:
            workers = find_workers(connection, now)
            overdue = count_overdue(connection, now)
    except StorageUnavailable:
        # As of a moment ago it did not: the next question tells.
        return
    silent = sum(worker.is_silent for worker in workers)
    parts = [f"{len(workers) - silent} alive"]
    parts += [f"{silent} silent"] if silent else []
    parts += [f"{overdue} schedules overdue"] if overdue else []
    yield HealthCheck("workers", ok=True, detail=", ".join(parts))


def integrations_check(database: Database) -> Iterator[HealthCheck]:
    """How many integrations are active, and how many of them do not work. Where there is none, nothing is said; their
    systems are no reason to take this process away: never failing.
    """
    try:
        found = read_integration_gauges(database).by_type_state_and_health
    except StorageUnavailable:
        # As of a moment ago it did not: the next question tells.
        return
    if not found:
        return
    active = sum(count for (_, state, _), count in found.items() if state == "active")
    parts = [f"{active} active"]
    for word in ("unhealthy", "degraded"):
        bad = sum(count for (_, state, health), count in found.items() if state == "active" and health == word)
        parts += [f"{bad} {word}"] if bad else []
    failed = sum(count for (_, state, _), count in found.items() if state == "failed")
    parts += [f"{failed} failed"] if failed else []
    yield HealthCheck("integrations", ok=True, detail=", ".join(parts))


def configuration_check(configuration: Snapshot[InboundSnapshot]) -> HealthCheck:
    """How many things are out of order. That is no reason to take the process away from all others: never failing."""
    try:
        gauges = configuration_gauges(configuration)
    except StorageUnavailable as error:
        return HealthCheck("configuration", ok=True, detail=f"not loaded yet: {error.code}")
    parts = [f"{count} {kind}{'s' * (count > 1)}" for kind, count in gauges.out_of_order_by_kind.items() if count]
    detail = f"out of order: {', '.join(parts)}" if parts else "in order"
    if gauges.age_seconds >= STALE_SECONDS:
        detail = f"{detail}; not refreshed for {gauges.age_seconds:.0f} s"
    return HealthCheck("configuration", ok=True, detail=detail)


def configuration_gauges(configuration: Snapshot[InboundSnapshot]) -> ConfigurationGauges:
    """The configuration as this process has it, loaded if it is not yet. Raises `StorageUnavailable`."""
    loaded = configuration.current()
    return ConfigurationGauges(loaded.out_of_order_by_kind(), configuration.age_seconds)


def database_check(database: Database) -> HealthCheck:
    """Whether the database answers and has this version's schema."""
    try:
        try:
            require_current(database)
        except StorageUnavailable as error:
            if not error.connection_lost:
                raise
            # A pooled connection from before a restart of the server says nothing about now: once more, on a new one.
            require_current(database)
    except GatewayError as error:
        return HealthCheck("database", ok=False, detail=f"{error.code}: {error}")
    return HealthCheck("database", ok=True, detail="reachable, migrated")
