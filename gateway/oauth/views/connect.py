"""The URLs of the connect page. A session's token opens it once; then its URL has the session's id, which the browser's
cookie goes with.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from gateway.deferred import deferred
from gateway.oauth.flows.outcomes import Refusal
from gateway.oauth.flows.steps import FlowRefused, Step, Wish
from gateway.oauth.views.answers import (
    MOST_FORM_BYTES,
    answer,
    cookie_of_request,
    installation,
    page,
    page_that_asks,
    visitor_of,
)
from gateway.oauth.views.pages import connect_page, redirect_to

# Loaded with the first customer.
_connect_page = deferred("gateway.oauth.flows.connect_page")

OWN = "same-origin"

blueprint = Blueprint("connect_page", __name__, url_prefix="/connect", template_folder="templates")

ENDED = "disconnected"


@blueprint.get("", defaults={"is_embedded": False})
@blueprint.get("/embedded", defaults={"is_embedded": True})
@page
def opened(is_embedded: bool) -> Response:
    """Open the page, and lead to where it is."""
    cookie = cookie_of_request(is_embedded=is_embedded)
    visitor = visitor_of(cookie.require())
    form = cookie.form_token if is_embedded else None
    session_id = _connect_page.open_page(installation(), request.args.get("session"), visitor, embedded_form=form)
    return cookie.put(redirect_to(_url(session_id, is_embedded)))


@blueprint.get("/<session_id>", defaults={"is_embedded": False})
@blueprint.get("/embedded/<session_id>", defaults={"is_embedded": True})
@page
def shown(session_id: str, is_embedded: bool) -> Response:
    """What can be connected, and what is."""
    cookie = cookie_of_request(is_embedded=is_embedded)
    found = _connect_page.show_page(installation(), session_id, visitor_of(cookie.digest), is_embedded=is_embedded)
    has_ended = request.args.get(ENDED) is not None
    return cookie.put(connect_page(found, _url(session_id, is_embedded), cookie.form_token, has_ended=has_ended))


@blueprint.post("/<session_id>", defaults={"is_embedded": False})
@blueprint.post("/embedded/<session_id>", defaults={"is_embedded": True})
@page_that_asks
def changed(session_id: str, is_embedded: bool) -> Response:
    """Connect an account, or end a connection."""
    request.max_content_length = MOST_FORM_BYTES
    connection_id = request.form.get("disconnect")
    if is_embedded and connection_id is None:
        return _leave_frame(session_id)
    cookie = cookie_of_request(is_embedded=is_embedded)
    if not cookie.is_own_form(request.form.get("token")):
        raise FlowRefused(Refusal.BROWSER_UNKNOWN)
    visitor = visitor_of(cookie.digest)
    if connection_id is not None:
        _connect_page.disconnect(installation(), session_id, connection_id, visitor, is_embedded=is_embedded)
        return cookie.put(redirect_to(f"{_url(session_id, is_embedded)}?{ENDED}=1"))
    step: Step = _connect_page.start_from_page(installation(), session_id, _wish(), visitor)
    return cookie.put(answer(step))


def _leave_frame(session_id: str) -> Response:
    """Begin at the top level, with the cookie that goes along to the provider and back.

    No cookie says that this browser has the page in its frame. Where it says from where the form comes (Fetch
    Metadata), that is from us: else one customer could have another one's browser connect an account for them.
    """
    if request.headers.get("Sec-Fetch-Site", OWN) != OWN:
        raise FlowRefused(Refusal.BROWSER_UNKNOWN)
    cookie = cookie_of_request()
    visitor, form = visitor_of(cookie.require()), request.form.get("token")
    step: Step = _connect_page.start_from_embedded(installation(), session_id, _wish(), visitor, form)
    return cookie.put(answer(step))


def _wish() -> Wish:
    return Wish(request.form.get("connect"), request.form.get("reconnect"))


def _url(session_id: str, is_embedded: bool) -> str:
    return f"{installation().settings.base_url}/connect/{'embedded/' if is_embedded else ''}{session_id}"
