"""What all views of flows share: who asks, what a step becomes, and that there is a page whatever happens.

Only a GET of a person opens a link or answers a callback: HEAD is refused, and so is what a browser fetches ahead, for
both would use up what works once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from gateway.errors import GatewayError, StorageUnavailable
from gateway.installation import Installation, installation_of
from gateway.oauth.flows.outcomes import Outcome, Refusal
from gateway.oauth.flows.steps import AskChoice, AskParameters, Ending, FlowRefused, Leave, Step, Visitor
from gateway.oauth.protocol.places import ProvidersBusy, places_of
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

Parameters = ParamSpec("Parameters")

# What our own forms send is small.
MOST_FORM_BYTES = 64 * 1024


def page(view: Callable[Parameters, Response], *, waits: bool = False) -> Callable[Parameters, Response]:
    """Decorator of a view: whatever happens, the browser gets a page. `waits`: a provider may be asked."""

    @wraps(view)
    def shown(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Response:
        try:
            if request.method == "HEAD" or _is_ahead():
                return refusal_page(Refusal.REQUEST_NOT_MEANT)
            if not waits:
                return view(*args, **kwargs)
            # Before anything is used up: the same link, form or callback works again.
            with places_of(installation()).taken():
                return view(*args, **kwargs)
        except FlowRefused as refused:
            return refusal_page(refused.refusal)
        except HTTPException:
            return refusal_page(Refusal.REQUEST_INVALID)
        except (StorageUnavailable, ProvidersBusy) as error:
            get_logger(__name__).warning("a page of a flow could not be shown; it works again later", error=str(error))
            again = words_page(AGAIN, error.code)
            again.headers["Retry-After"] = str(error.retry_after_seconds)
            if isinstance(error, ProvidersBusy) and request.method == "GET":
                # Browsers do it by themselves: many customers at once are not turned away.
                again.headers["Refresh"] = again.headers["Retry-After"]
            return again
        except GatewayError as error:
            get_logger(__name__).error("a page of a flow could not be shown", error=str(error), code=error.code)
            return words_page(FAULT, error.code)
        except Exception as error:
            get_logger(__name__).error("a page of a flow could not be shown: a fault here", exc_info=error)
            return words_page(FAULT, "internal_error")

    return shown


def page_that_asks(view: Callable[Parameters, Response]) -> Callable[Parameters, Response]:
    """The same of a view for which a provider may be asked: as many at once as `Places` has."""
    return page(view, waits=True)


def answer(step: Step) -> Response:
    """What the browser gets."""
    base_url = installation().settings.base_url
    if isinstance(step, Leave):
        return redirect_to(step.url)
    if isinstance(step, AskParameters):
        return parameters_page(step, f"{base_url}/oauth/{step.provider_id}/login")
    if isinstance(step, AskChoice):
        return choice_page(step, f"{base_url}/oauth/{step.provider_id}/choice")
    return _end(step)


def _end(ending: Ending) -> Response:
    # Where nothing was stored the customer has to know that first.
    if ending.outcome is Outcome.STORAGE_UNAVAILABLE:
        return ending_page(ending)
    if ending.page is not None:
        return redirect_to(f"{installation().settings.base_url}/connect/{ending.page}")
    if ending.return_to is None:
        return ending_page(ending)
    return redirect_to(returning(ending))


def _is_ahead() -> bool:
    """Whether a browser fetches this before anybody wants it (Fetch Metadata: `Sec-Purpose`; and older names)."""
    said = (request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"))
    return any("prefetch" in one.lower() or "preview" in one.lower() for one in said)


def installation() -> Installation:
    """The one of this process."""
    return installation_of(current_app)


def cookie_of_request(*, is_embedded: bool = False) -> BrowserCookie:
    """The cookie of the request that is under way."""
    return BrowserCookie(request, installation().settings.base_url, is_embedded=is_embedded)


def visitor_of(browser: bytes | None) -> Visitor:
    """Whose request is under way."""
    return Visitor(browser, request.remote_addr, g.request_id)
