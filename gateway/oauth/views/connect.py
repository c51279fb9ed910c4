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
    return cookie.put(redirect_to(_url(session_id)))


@blueprint.get("/<session_id>")
@page
def shown(session_id: str) -> Response:
    """What can be connected, and what is."""
    cookie = cookie_of_request()
    found = _connect_page.show_page(installation(), session_id, visitor_of(cookie.digest))
    return cookie.put(connect_page(found, _url(session_id), cookie.form_token))


@blueprint.post("/<session_id>")
@page
def changed(session_id: str) -> Response:
    """Connect an account, or end a connection."""
    request.max_content_length = MOST_FORM_BYTES
    cookie = cookie_of_request()
    if not cookie.is_own_form(request.form.get("token")):
        raise FlowRefused(Refusal.BROWSER_UNKNOWN)
    visitor, connection_id = visitor_of(cookie.digest), request.form.get("disconnect")
    if connection_id is not None:
        _connect_page.disconnect(installation(), session_id, connection_id, visitor)
        return cookie.put(redirect_to(_url(session_id)))
    app_credentials_id = request.form.get("connect", "")
    step: Step = _connect_page.start_from_page(installation(), session_id, app_credentials_id, visitor)
    return cookie.put(answer(step))


def _url(session_id: str) -> str:
    return f"{installation().settings.base_url}/connect/{session_id}"
