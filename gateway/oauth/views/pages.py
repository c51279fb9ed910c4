"""Pages: whole HTML documents without a script, that nobody stores, frames, or learns an address from."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Response, g, render_template, request

from gateway.oauth.flows.outcomes import Outcome, Refusal
from gateway.oauth.flows.return_to import origin, with_parameters
from gateway.oauth.flows.steps import AskChoice, AskParameters, Ending
from gateway.oauth.views.theme import theme_style
from gateway.oauth.views.words import DISCONNECTED, ENDINGS, REFUSALS, STATES, Words

if TYPE_CHECKING:
    from gateway.oauth.flows.connect_page import ConnectPage

STYLE = Path(__file__).with_name("templates") / "oauth" / "style.css"


@cache
def own_style() -> str:
    """What stands in each page's head."""
    return STYLE.read_text(encoding="utf-8")


@lru_cache(maxsize=256)
def _allowed(style: str) -> str:
    """By what a style element is allowed: its digest (CSP 3, 6.7.3)."""
    return f"'sha256-{b64encode(hashlib.sha256(style.encode()).digest()).decode('ascii')}'"


def ending_page(ending: Ending) -> Response:
    """What became of a flow; with a way back where there is one."""
    words = ENDINGS[ending.outcome]
    happened = words.happened.format(provider=ending.provider)
    return _page(
        "result",
        words.status,
        title=words.title,
        happened=happened,
        account=ending.label if ending.outcome is Outcome.CONNECTED else None,
        advice=words.advice.format(provider=ending.provider),
        code=None if ending.outcome is Outcome.CONNECTED else ending.outcome.value,
        back=None if ending.return_to is None else returning(ending),
        theme=ending.theme,
    )


def returning(ending: Ending) -> str:
    """`return_to` with what became of the flow."""
    assert ending.return_to is not None
    if ending.outcome is Outcome.CONNECTED:
        said = {"connection": ending.connection_id or "", "status": ending.outcome.value}
    else:
        said = {"error": ending.outcome.value}
    return with_parameters(ending.return_to, said)


def refusal_page(refusal: Refusal) -> Response:
    """Why nothing happened."""
    return words_page(REFUSALS[refusal], refusal.value)


def words_page(words: Words, code: str) -> Response:
    """A page that says what happened, and what to do."""
    # In a frame too, whosever it is: there is nothing to click on it.
    framed_by = ("https:",) if (request.view_args or {}).get("is_embedded") else ()
    return _page(
        "result",
        words.status,
        framed_by=framed_by,
        title=words.title,
        happened=words.happened,
        advice=words.advice,
        code=code,
    )


def parameters_page(asked: AskParameters, action: str) -> Response:
    """A form for what the provider needs to know. It may lead on to wherever the provider is."""
    return _page(
        "parameters",
        422 if asked.faults else 200,
        form_action="'self' https: http:",
        asked=asked,
        action=action,
        theme=asked.theme,
    )


def choice_page(asked: AskChoice, action: str) -> Response:
    """A form with what there is to choose from. It may lead on to where the browser is sent back to."""
    leads_to = "'self'" if asked.return_to is None else f"'self' {origin(asked.return_to)}"
    return _page("choice", 200, form_action=leads_to, asked=asked, action=action, theme=asked.theme)


def connect_page(shown: ConnectPage, action: str, token: str, *, has_ended: bool) -> Response:
    """What can be connected and what is, with what became of the last try, or that an account `has_ended` just now."""
    said = None if shown.outcome is None else ENDINGS[Outcome(shown.outcome)]
    happened = None if said is None else said.happened.format(provider=shown.provider)
    return _page(
        "connect",
        200,
        form_action="'self' https: http:",
        framed_by=shown.origins,
        shown=shown,
        action=action,
        token=token,
        happened=DISCONNECTED if has_ended else happened,
        states=STATES,
        theme=shown.theme,
    )


def redirect_to(url: str) -> Response:
    """The browser goes on to `url`. It is written as it is: whoever made it has encoded it."""
    response = Response(status=302, content_type="text/html; charset=utf-8")
    response.autocorrect_location_header = False
    response.headers["Location"] = url
    return secured(response)


def secured(
    response: Response, *, style: str = "", form_action: str = "'none'", framed_by: Collection[str] = ()
) -> Response:
    """`response` with the headers of everything here: also redirects are not stored, and tell nobody where from.

    `style` is that of a theme, `framed_by` are origins whose pages may have it in a frame.
    """
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if not framed_by:
        # It knows no origins; where there are some, what follows says it.
        response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Robots-Tag"] = "noindex"
    styles = " ".join(_allowed(text) for text in (own_style(), style) if text)
    ancestors = " ".join(framed_by) or "'none'"
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src {styles}; form-action {form_action}; "
        f"frame-ancestors {ancestors}; base-uri 'none'"
    )
    return response


def _page(
    template: str,
    status: int,
    *,
    form_action: str = "'none'",
    framed_by: Collection[str] = (),
    theme: Mapping[str, str] = {},
    **values: Any,
) -> Response:
    style = theme_style(theme)
    text = render_template(
        f"oauth/{template}.html",
        style=own_style(),
        theme_style=style,
        theme=theme,
        request_id=g.request_id,
        **values,
    )
    response = Response(text, status, content_type="text/html; charset=utf-8")
    return secured(response, style=style, form_action=form_action, framed_by=framed_by)
