"""`create_api`: a table of contents of the API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from flask import Blueprint, Flask, Response, g, request
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException

from gateway.api import docs_page
from gateway.api.declaring import Operation, Resource
from gateway.api.door import Door, door_of
from gateway.api.hints import PREFIX
from gateway.api.mounting import Prepare
from gateway.api.problems import Locate, Problem, Refused, in_body, problem_of, respond
from gateway.api.rates import headers
from gateway.api.reading import Pointed
from gateway.api.resources import (
    api_keys,
    app_credentials,
    audit,
    conflicts,
    connect_sessions,
    connections,
    deliveries,
    destinations,
    entities,
    events,
    integration_types,
    integrations,
    jobs,
    manifest,
    me,
    providers,
    quarantine,
    rejections,
    replays,
    routes,
    schedules,
    sources,
    sync_runs,
    tenants,
)
from gateway.api.serving import Endpoint, etag_of
from gateway.deferred import deferred
from gateway.errors import GatewayError
from gateway.installation import Installation
from gateway.telemetry.logging import get_logger

RESOURCES: Sequence[Resource] = (
    sources.resource,
    destinations.resource,
    routes.resource,
    events.resource,
    deliveries.resource,
    replays.resource,
    jobs.resource,
    schedules.resource,
    connect_sessions.resource,
    rejections.resource,
    manifest.resource,
    providers.resource,
    app_credentials.resource,
    connections.resource,
    integration_types.resource,
    integrations.resource,
    entities.resource,
    conflicts.resource,
    sync_runs.resource,
    quarantine.resource,
    audit.resource,
    tenants.resource,
    api_keys.resource,
    me.resource,
)

# What Flask refuses by itself, by status.
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "media_type_unsupported"}

# Loads flask-smorest and apispec, which nothing else needs.
_document = deferred("gateway.api.document")

_log = get_logger(__name__)


def create_api(installation: Installation, prepare: Prepare) -> Flask:
    """The API on `installation`. Starts no thread before the first request that shows a key."""
    app = Flask("gateway.api", static_folder=None)
    # `//` is no way to write `/`, and nobody is sent elsewhere.
    app.url_map.merge_slashes = False
    prepare(app)
    _answers(app)
    for resource in RESOURCES:
        _serve(app, resource, door_of(installation))
    _publish(app)
    docs_page.publish(app)
    return app


def _serve(app: Flask, resource: Resource, door: Door) -> None:
    blueprint = Blueprint(resource.name, __name__, url_prefix=PREFIX)
    for operation in resource.operations:
        view = _view(operation, door)
        blueprint.add_url_rule(operation.path, operation.id, view, methods=[operation.method])
        if operation.forwards:
            # The last part may be empty.
            beginning = operation.path.rpartition("/<")[0]
            for path in (beginning, f"{beginning}/"):
                blueprint.add_url_rule(path, operation.id, view, methods=[operation.method])
    app.register_blueprint(blueprint)


def _view(operation: Operation, door: Door) -> Callable[..., Response]:
    # Its schemas are made when it is asked for first: nobody asks for all of them.
    endpoint = cache(lambda: Endpoint(operation, door))

    def view(**path: str) -> Response:
        return endpoint()(**path)

    return view


def _publish(app: Flask) -> None:
    """Serve the document to whoever asks. It is written at the first request."""

    @cache
    def written() -> bytes:
        made: bytes = _document.write(RESOURCES)
        return made

    @app.get(f"{PREFIX}/openapi.json")
    def openapi() -> Response:
        body = written()
        response = Response(body, content_type="application/json", headers={"Cache-Control": "no-cache"})
        response.set_etag(etag_of(body))
        response.make_conditional(request)
        return response


def _answers(app: Flask) -> None:
    """What every answer has, and what is answered when something is refused or goes wrong."""

    @app.after_request
    def complete(response: Response) -> Response:
        for name, value in headers(g.get("standings", ())):
            response.headers[name] = value
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @app.errorhandler(GatewayError)
    def refuse(error: GatewayError) -> Response:
        problem = problem_of(error, (lambda pointer: {"pointer": pointer}) if isinstance(error, Pointed) else _locate())
        if problem.status >= 500:
            _log.warning("an API request failed", code=error.code, error=str(error), request_id=g.request_id)
        return respond(problem)

    @app.errorhandler(Refused)
    def refuse_here(error: Refused) -> Response:
        return respond(problem_of(error))

    @app.errorhandler(HTTPException)
    def refuse_http(error: HTTPException) -> Response:
        status = error.code or 500
        kept = [(name, value) for name, value in error.get_headers() if name in {"Allow", "Retry-After"}]
        detail = f"there is nothing at {request.path}" if status == 404 else error.description or ""
        return respond(Problem(status, _CODES.get(status, "bad_request"), detail, headers=kept))

    @app.errorhandler(DataError)
    def refuse_data(error: DataError) -> Response:
        # What a use case should have judged: a defect of ours, and still the fault of what was asked for.
        _log.error("a value passed that the database does not take", error=str(error.orig), request_id=g.request_id)
        return respond(Problem(422, "invalid_input", "a value is not one that can be kept"))

    @app.errorhandler(Exception)
    def fail(error: Exception) -> Response:
        _log.exception("an API request failed", request_id=g.request_id, path=request.path)
        return respond(Problem(500, "internal_error", "the gateway failed; its log says how, under the request's id"))


def _locate() -> Locate:
    found: Locate = g.get("locate", in_body)
    return found
