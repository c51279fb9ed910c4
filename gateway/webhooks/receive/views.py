"""The inbound URLs: a Flask request becomes an `Arrival`, an outcome becomes the response. Nothing is decided here."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import HTTPException

from gateway.installation import installation_of
from gateway.tenants.models import DEFAULT_TENANT
from gateway.webhooks.arrival import refusal
from gateway.webhooks.receive.assembly import inbound_of
from gateway.webhooks.receive.responses import respond

METHODS = ["GET", "POST", "HEAD", "OPTIONS"]
URL_PREFIX = "/webhooks"
blueprint = Blueprint("webhooks", __name__, url_prefix=URL_PREFIX)


@blueprint.route("/<source>", methods=METHODS, provide_automatic_options=False)
@blueprint.route("/<tenant>/<source>", methods=METHODS, provide_automatic_options=False)
def receive(source: str, tenant: str = DEFAULT_TENANT) -> Response:
    """An inbound webhook or a provider's handshake."""
    inbound = inbound_of(installation_of(current_app))
    return respond(inbound.ingest.begin(inbound.reader.arrival(tenant, source)))


@blueprint.app_errorhandler(HTTPException)
def refuse(error: HTTPException) -> Response | HTTPException:
    """Flask's own refusals of an inbound request, in the shape of the inbound contract. For the whole application,
    because a request that matches no route or method belongs to no blueprint.
    """
    if not request.path.startswith(f"{URL_PREFIX}/"):
        return error
    codes = {404: "source_unknown", 405: "method_not_allowed", 413: "body_too_large"}
    status = error.code or 500
    headers = tuple((name, value) for name, value in error.get_headers() if name == "Allow")
    code = codes.get(status, "internal_error" if status >= 500 else "bad_request")
    return respond(refusal(status, code, error.description or error.name, headers=headers))
