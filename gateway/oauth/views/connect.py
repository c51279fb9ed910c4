"""The URLs of the connect page. A session's token opens it once; then its URL has the session's id, which the browser's
cookie goes with.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from gateway.deferred import deferred
from gateway.oauth.flows.outcomes import Refusal
from gateway.oauth.flows.steps import FlowRefused, Step
from gateway.oauth.views.answers import (
    MOST_FORM_BYTES,
    answer,
    cookie_of_request,
    installation,
    page,
    visitor_of,
)
from gateway.oauth.views.pages import connect_page, redirect_to

# Loaded with the first customer.
_connect_page = deferred("gateway.oauth.flows.connect_page")

blueprint = Blueprint("connect_page", __name__, url_prefix="/connect", template_folder="templates")


@blueprint.get("")
@page
def opened() -> Response:
    """Open the page, and lead to where it is."""
    cookie = cookie_of_request()
    session_id = _connect_page.open_page(installation(), request.args.get("session"), visitor_of(cookie.require()))
    return cookie.put(redirect_to(f"{installation().settings.base_url}/connect/{session_id}"))


@blueprint.get("/<session_id>")
@page
def shown(session_id: str) -> Response:
    """What can be connected, and what is."""
    cookie = cookie_of_request()
    found = _connect_page.show_page(installation(), session_id, visitor_of(cookie.digest))
    action = f"{installation().settings.base_url}/connect/{session_id}"
    return cookie.put(connect_page(found, action, cookie.form_token))


@blueprint.post("/<session_id>")
@page
def changed(session_id: str) -> Response:
    """Connect an account."""
    request.max_content_length = MOST_FORM_BYTES
    cookie = cookie_of_request()
    if not cookie.is_own_form(request.form.get("token")):
        raise FlowRefused(Refusal.BROWSER_UNKNOWN)
    app_credentials_id, visitor = request.form.get("connect", ""), visitor_of(cookie.digest)
    step: Step = _connect_page.start_from_page(installation(), session_id, app_credentials_id, visitor)
    return cookie.put(answer(step))
