"""What operators and their machines ask: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

from flask import Flask, Response, jsonify

from gateway.clock import Clock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.schema.version import require_current
from gateway.delivery.queue.gauges import read_queue_gauges
from gateway.errors import GatewayError, StorageUnavailable
from gateway.telemetry.exposition import QueueCollector, render_metrics
from gateway.telemetry.health import Check, HealthReport
from gateway.telemetry.metrics import Metrics


def register(app: Flask, settings: Settings, database: Database, clock: Clock, metrics: Metrics) -> None:
    """Add the three URLs to `app`."""
    queue = QueueCollector(lambda: read_queue_gauges(database, clock), metrics)

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok")

    @app.get("/readyz")
    def readyz() -> tuple[Response, int]:
        report = HealthReport((database_check(database),))
        return jsonify(report.to_json()), report.http_status

    @app.get("/metrics")
    def prometheus() -> Response:
        rendered = render_metrics(metrics, metrics_dir=settings.metrics_dir, collectors=[queue])
        return Response(rendered.body, content_type=rendered.content_type)


def database_check(database: Database) -> Check:
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
        return Check("database", ok=False, detail=f"{error.code}: {error}")
    return Check("database", ok=True, detail="reachable, migrated")
