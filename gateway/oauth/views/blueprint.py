"""The URLs of flows below `/oauth`: what comes is read, one use case is called, and its step becomes an answer.

Only a GET of a person opens a link or answers a callback: HEAD is refused, and so is what a browser fetches ahead, for
both would use up what works once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Blueprint, Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from gateway.deferred import deferred
from gateway.errors import GatewayError, StorageUnavailable
from gateway.installation import Installation, installation_of
from gateway.oauth.flows.outcomes import Outcome, Refusal
from gateway.oauth.flows.steps import AskChoice, AskParameters, Ending, FlowRefused, Leave, Step, Visitor
from gateway.oauth.views.browser import BrowserCookie
from gateway.oauth.views.pages import (
    choice_page,
    ending_page,
    parameters_page,
    redirect_to,
    refusal_page,
    returning,
    words_page,
)
from gateway.oauth.views.words import AGAIN, FAULT
from gateway.telemetry.logging import get_logger

# Loaded with the first customer: who only receives webhooks has none of it in memory.
_arriving = deferred("gateway.oauth.flows.arriving")
_opening = deferred("gateway.oauth.flows.opening")

Parameters = ParamSpec("Parameters")

blueprint = Blueprint("oauth", __name__, url_prefix="/oauth", template_folder="templates")

# What our own forms send is small.
MOST_FORM_BYTES = 64 * 1024
FIELD = "p-"


def page(view: Callable[Parameters, Response]) -> Callable[Parameters, Response]:
    """Decorator of a view: whatever happens, the browser gets a page."""

    @wraps(view)
    def shown(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Response:
        try:
            if request.method == "HEAD" or _is_ahead():
                return refusal_page(Refusal.REQUEST_NOT_MEANT)
            return view(*args, **kwargs)
        except FlowRefused as refused:
            return refusal_page(refused.refusal)
        except HTTPException:
            return refusal_page(Refusal.REQUEST_INVALID)
        except StorageUnavailable as error:
            get_logger(__name__).warning("a page of a flow could not be shown; it works again later", error=str(error))
            answer = words_page(AGAIN, error.code)
            answer.headers["Retry-After"] = str(error.retry_after_seconds)
            return answer
        except GatewayError as error:
            get_logger(__name__).error("a page of a flow could not be shown", error=str(error), code=error.code)
            return words_page(FAULT, error.code)

    return shown


@blueprint.get("/<provider>/login")
@page
def login(provider: str) -> Response:
    """Open a connect session: its browser goes to the provider, or to a page that asks for what is missing."""
    cookie = _cookie()
    visitor = _visitor(cookie.require())
    step: Step = _opening.open_session(_installation(), provider, request.args.get("session"), visitor)
    return cookie.put(_answer(step, provider))


@blueprint.post("/<provider>/login")
@page
def parameters(provider: str) -> Response:
    """Take what the customer wrote into our page."""
    request.max_content_length = MOST_FORM_BYTES
    given = {name.removeprefix(FIELD): value for name, value in request.form.items() if name.startswith(FIELD)}
    cookie = _cookie()
    token, visitor = request.form.get("token"), _visitor(cookie.digest)
    step: Step = _opening.give_parameters(_installation(), provider, token, given, visitor)
    return cookie.put(_answer(step, provider))


@blueprint.get("/<provider>/callback", defaults={"app_credentials": None})
@blueprint.get("/<provider>/<app_credentials>/callback")
@page
def callback(provider: str, app_credentials: str | None) -> Response:
    """Take what the provider sent the browser back with."""
    visitor = _visitor(_cookie().digest)
    step: Step = _arriving.arrive(_installation(), provider, app_credentials, request.query_string, visitor)
    return _answer(step, provider)


@blueprint.post("/<provider>/choice")
@page
def choice(provider: str) -> Response:
    """Take which of several the customer chose."""
    request.max_content_length = MOST_FORM_BYTES
    token, key = request.form.get("token"), request.form.get("choice")
    step: Step = _arriving.choose(_installation(), provider, token, key, _visitor(_cookie().digest))
    return _answer(step, provider)


def _answer(step: Step, provider: str) -> Response:
    base_url = _installation().settings.base_url
    if isinstance(step, Leave):
        return redirect_to(step.url)
    if isinstance(step, AskParameters):
        return parameters_page(step, f"{base_url}/oauth/{provider}/login")
    if isinstance(step, AskChoice):
        return choice_page(step, f"{base_url}/oauth/{provider}/choice")
    return _end(step)


def _end(ending: Ending) -> Response:
    # Where nothing was stored the customer has to know that first.
    if ending.return_to is None or ending.outcome is Outcome.STORAGE_UNAVAILABLE:
        return ending_page(ending)
    return redirect_to(returning(ending))


def _is_ahead() -> bool:
    """Whether a browser fetches this before anybody wants it (Fetch Metadata: `Sec-Purpose`; and older names)."""
    said = (request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"))
    return any("prefetch" in one.lower() or "preview" in one.lower() for one in said)


def _installation() -> Installation:
    return installation_of(current_app)


def _cookie() -> BrowserCookie:
    return BrowserCookie(request, _installation().settings.base_url)


def _visitor(browser: bytes | None) -> Visitor:
    return Visitor(browser, request.remote_addr, g.request_id)
