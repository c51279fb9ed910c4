"""The URLs of flows below `/oauth`: what comes is read, one use case is called, and its step becomes an answer."""

from __future__ import annotations

from flask import Blueprint, Response, request

from gateway.deferred import deferred
from gateway.oauth.flows.steps import Step
from gateway.oauth.views.answers import (
    MOST_FORM_BYTES,
    answer,
    cookie_of_request,
    installation,
    page_that_asks,
    visitor_of,
)

# Loaded with the first customer: who only receives webhooks has none of it in memory.
_arriving = deferred("gateway.oauth.flows.arriving")
_opening = deferred("gateway.oauth.flows.opening")

blueprint = Blueprint("oauth", __name__, url_prefix="/oauth", template_folder="templates")

FIELD = "p-"


@blueprint.get("/<provider>/login")
@page_that_asks
def login(provider: str) -> Response:
    """Open a connect session: its browser goes to the provider, or to a page that asks for what is missing."""
    cookie = cookie_of_request()
    visitor = visitor_of(cookie.require())
    step: Step = _opening.open_session(installation(), provider, request.args.get("session"), visitor)
    return cookie.put(answer(step))


@blueprint.post("/<provider>/login")
@page_that_asks
def parameters(provider: str) -> Response:
    """Take what the customer wrote into our page."""
    request.max_content_length = MOST_FORM_BYTES
    given = {name.removeprefix(FIELD): value for name, value in request.form.items() if name.startswith(FIELD)}
    cookie = cookie_of_request()
    token, visitor = request.form.get("token"), visitor_of(cookie.digest)
    step: Step = _opening.give_parameters(installation(), provider, token, given, visitor)
    return cookie.put(answer(step))


@blueprint.get("/<provider>/callback", defaults={"app_credentials": None})
@blueprint.get("/<provider>/<app_credentials>/callback")
@page_that_asks
def callback(provider: str, app_credentials: str | None) -> Response:
    """Take what the provider sent the browser back with."""
    visitor = visitor_of(cookie_of_request().digest)
    step: Step = _arriving.arrive(installation(), provider, app_credentials, request.query_string, visitor)
    return answer(step)


@blueprint.post("/<provider>/choice")
@page_that_asks
def choice(provider: str) -> Response:
    """Take which of several the customer chose."""
    request.max_content_length = MOST_FORM_BYTES
    token, key = request.form.get("token"), request.form.get("choice")
    step: Step = _arriving.choose(installation(), provider, token, key, visitor_of(cookie_of_request().digest))
    return answer(step)
