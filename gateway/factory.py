"""`create_app`: a table of contents of the web application, and the one place where its parts meet."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask_migrate import Migrate
from werkzeug.middleware.proxy_fix import ProxyFix

from gateway import operations
from gateway.cli import main as command_line
from gateway.clock import Clock, SystemClock
from gateway.config import Settings, load_settings
from gateway.db.database import Database
from gateway.db.engine import absolute_url, engine_options
from gateway.db.model import db
from gateway.db.schema.version import MIGRATIONS, require_current
from gateway.db.snapshot import Snapshot
from gateway.db.writing.checkpoints import Checkpointer
from gateway.db.writing.group_commit import GroupCommit
from gateway.errors import ConfigurationError, SchemaBehind, StorageUnavailable
from gateway.handlers import load_handlers
from gateway.lean import LeanFlask
from gateway.providers import catalogue
from gateway.security.fetch import guarded_get
from gateway.security.identifiers import new_id
from gateway.security.keyfile import load_keyring
from gateway.security.resolver import Resolver, SystemResolver
from gateway.security.ssrf import AddressPolicy
from gateway.telemetry.logging import configure_logging, get_logger
from gateway.telemetry.metrics import Metrics
from gateway.webhooks.receive import views
from gateway.webhooks.receive.entry import Receipt, Submission, store_submissions, submission_bytes
from gateway.webhooks.receive.handshakes import Handshakes
from gateway.webhooks.receive.inbound import EXTENSION, Inbound
from gateway.webhooks.receive.ingest import Ingest, count_stored
from gateway.webhooks.receive.material import MaterialStore
from gateway.webhooks.receive.request_reader import REQUEST_ID_KEY, RequestReader
from gateway.webhooks.receive.snapshot import InboundLoader, InboundSnapshot
from gateway.webhooks.rejections.log import RejectionLog

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,128}")
FETCH_TIMEOUT_SECONDS = 5.0
FETCH_MAX_BYTES = 256 * 1024


def create_app(
    settings: Settings | None = None, *, clock: Clock | None = None, resolver: Resolver | None = None
) -> Flask:
    """The web application. Starts no thread and opens no connection before the first request.

    `settings` are read from the environment by default. Raises `ConfigurationError` naming every fault.
    """
    settings = settings or load_settings()
    clock = clock or SystemClock()
    configure_logging(settings, sys.stderr)
    app = LeanFlask("gateway", lean_prefix=f"{views.URL_PREFIX}/")
    app.extensions["gateway.settings"] = settings
    metrics = app.extensions["gateway.metrics"] = Metrics(settings.metrics_dir)
    database = app.extensions["gateway.database"] = _database(app, settings)
    _request_ids(app, settings)
    _inbound(app, settings, database, clock, metrics, resolver or SystemResolver())
    operations.register(app, settings, database, clock, metrics)
    command_line.register(app)
    return app


def create_server() -> Flask:
    """`create_app` for a process that will serve: ends it, with one line that says what to do, on faulty settings or on
    a database that is behind. A database that is out of reach is no reason to stop: answers are 503 until it is back.
    """
    try:
        app = create_app()
        require_current(app.extensions["gateway.database"])
    except SchemaBehind as error:
        raise SystemExit(f"gateway: {error}") from error
    except ConfigurationError as error:
        raise SystemExit("\n".join(f"gateway: {fault}" for fault in error.faults)) from error
    except StorageUnavailable as error:
        get_logger(__name__).warning("starting without a database; requests get 503 until it is back", error=str(error))
    return app


def _database(app: Flask, settings: Settings) -> Database:
    app.config["SQLALCHEMY_DATABASE_URI"] = absolute_url(settings.database_url)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(settings.database_url)
    db.init_app(app)
    Migrate(app, db, directory=str(MIGRATIONS))
    with app.app_context():
        return Database(db.engine)


def _request_ids(app: Flask, settings: Settings) -> None:
    """Every answer carries `X-Request-Id`: the proxy's when a trusted one sent it, else a new one."""
    hops = settings.trusted_proxies
    serve = app.wsgi_app

    # Around the application and not by its hooks, which cost a webhook twice as much.
    def serve_with_id(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID", "") if hops else ""
        request_id = given if given and REQUEST_ID.fullmatch(given) else new_id("req")
        environ[REQUEST_ID_KEY] = request_id

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Callable[[bytes], object]:
            headers.append(("X-Request-Id", request_id))
            return start_response(status, headers, exc_info)

        return serve(environ, start)

    app.wsgi_app = serve_with_id  # type: ignore[method-assign]
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]


def _inbound(
    app: Flask, settings: Settings, database: Database, clock: Clock, metrics: Metrics, resolver: Resolver
) -> None:
    keyring = load_keyring(settings)
    registry = load_handlers(settings.handlers)
    loader = InboundLoader(settings, keyring, catalogue(settings.providers_dir), registry, clock)
    snapshot: Snapshot[InboundSnapshot] = Snapshot(database, loader)
    checkpoints = Checkpointer(database)

    def stored(submissions: Sequence[Submission], receipts: Sequence[Receipt]) -> None:
        checkpoints.wrote()
        count_stored(metrics, clock, submissions, receipts)

    commits: GroupCommit[Submission, Receipt] = GroupCommit(
        database, store_submissions, size_of=submission_bytes, stored=stored
    )
    rejections = RejectionLog(database)
    fetch = partial(
        guarded_get,
        policy=AddressPolicy(allow_private=settings.allow_private_destinations),
        resolver=resolver,
        timeout_seconds=FETCH_TIMEOUT_SECONDS,
        max_bytes=FETCH_MAX_BYTES,
    )
    ingest = Ingest(
        snapshot=snapshot,
        commits=commits,
        rejections=rejections,
        handshakes=Handshakes(database, keyring, clock, fetch),
        material=MaterialStore(clock, fetch),
        clock=clock,
        metrics=metrics,
        max_body_bytes=settings.max_body_bytes,
    )
    app.extensions[EXTENSION] = Inbound(
        ingest,
        RequestReader(clock, base_url=settings.base_url, max_body_bytes=settings.max_body_bytes),
        settings.max_body_bytes,
        closers=(commits.close, checkpoints.close, rejections.close, snapshot.close),
    )
    app.register_blueprint(views.blueprint)
