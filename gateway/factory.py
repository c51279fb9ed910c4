"""`create_app`: a table of contents of the web application."""

from __future__ import annotations

import sys

from flask import Flask, Response, g, request
from flask_sqlalchemy import SQLAlchemy
from werkzeug.middleware.proxy_fix import ProxyFix

from gateway.api import mounting
from gateway.cli import main as command_line
from gateway.cli.terminal.hints import message
from gateway.config import Settings, load_settings
from gateway.db.engine import engine_options, engine_url
from gateway.db.model import Base
from gateway.db.schema.version import require_current
from gateway.errors import ConfigurationError, SchemaBehind, StorageUnavailable
from gateway.installation import EXTENSION, Installation, installation_of
from gateway.oauth.views import blueprint as flow_pages
from gateway.oauth.views import connect
from gateway.server import operations
from gateway.telemetry import request_ids
from gateway.telemetry.logging import configure_logging, get_logger
from gateway.telemetry.request_ids import request_id_of
from gateway.webhooks.receive import views
from gateway.webhooks.receive.assembly import inbound_of

# gunicorn ends as a whole on this code of a process that it started, and starts another one on any other. uvicorn ends
# with it too when an application cannot start.
CANNOT_START = 3

db = SQLAlchemy(metadata=Base.metadata)


def create_app(installation: Installation | Settings | None = None) -> Flask:
    """The web application on `installation`, or on a new one with these settings or those of the environment.

    Starts no thread and opens no connection before the first request. Raises `ConfigurationError` naming every fault.
    """
    if not isinstance(installation, Installation):
        installation = Installation(installation or load_settings())
    configure_logging(installation.settings, sys.stderr)
    app = Flask("gateway")
    app.extensions[EXTENSION] = installation
    _database(app, installation)
    mounting.mount(app, installation, lambda api: _every_request(api, installation))
    _proxies(app, installation.settings.trusted_proxies)
    _every_request(app, installation)
    _webhooks(app, installation)
    operations.register(
        app,
        installation.settings,
        installation.database,
        installation.clock,
        installation.metrics,
        inbound_of(installation).ingest.snapshot,
        installation.announcements.publisher,
    )
    command_line.register(app)
    return app


def create_server() -> Flask:
    """`create_app` for a process that will serve: ends it, with lines that say what to do, on faulty settings or on a
    database that is behind. A database that is out of reach is no reason to stop: answers are 503 until it is back.
    """
    try:
        app = create_app()
        require_current(installation_of(app).database)
    except (ConfigurationError, SchemaBehind) as error:
        # Whoever starts a server is at a command line.
        for line in message(error).splitlines():
            print(f"gateway: {line}", file=sys.stderr)
        raise SystemExit(CANNOT_START) from error
    except StorageUnavailable as error:
        get_logger(__name__).warning("starting without a database; requests get 503 until it is back", error=str(error))
    return app


def _database(app: Flask, installation: Installation) -> None:
    """Flask-SQLAlchemy and the installation work on one engine."""
    url = installation.settings.database_url
    app.config["SQLALCHEMY_DATABASE_URI"] = engine_url(url)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url)
    db.init_app(app)
    with app.app_context():
        installation.adopt(db.engine)


def _proxies(app: Flask, hops: int) -> None:
    """Forwarded headers count as far as proxies are trusted."""
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]


def _every_request(app: Flask, installation: Installation) -> None:
    _request_ids(app, installation.settings.trusted_proxies)
    _hosts(app)


def _request_ids(app: Flask, hops: int) -> None:
    """Every request has an id at `g.request_id`, and its answer carries it."""

    @app.before_request
    def give() -> None:
        g.request_id = request_id_of(request.headers.get(request_ids.HEADER), trusted_proxies=hops)

    @app.after_request
    def show(response: Response) -> Response:
        response.headers[request_ids.HEADER] = g.request_id
        return response


def _hosts(app: Flask) -> None:
    """HTTP/1.1 has a Host (RFC 9112, 3.2). The event loop's host has seen to that before; other servers may not."""

    @app.before_request
    def require() -> Response | None:
        if "HTTP_HOST" in request.environ or request.environ.get("SERVER_PROTOCOL") != "HTTP/1.1":
            return None
        return Response("no Host\n", 400, content_type="text/plain")


def _webhooks(app: Flask, installation: Installation) -> None:
    # Faulty configuration ends the start, not the first request.
    inbound_of(installation)
    app.register_blueprint(views.blueprint)
    app.register_blueprint(flow_pages.blueprint)
    app.register_blueprint(connect.blueprint)
