"""Pages: whole HTML documents without a script, that nobody stores, frames, or learns an address from."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Response, g, render_template

from gateway.oauth.flows.outcomes import Outcome, Refusal
from gateway.oauth.flows.return_to import origin, with_parameters
from gateway.oauth.flows.steps import AskChoice, AskParameters, Ending
from gateway.oauth.views.words import ENDINGS, REFUSALS, STATES, Words

if TYPE_CHECKING:
    from gateway.oauth.flows.connect_page import ConnectPage

STYLE = Path(__file__).with_name("templates") / "oauth" / "style.css"


@cache
def style() -> tuple[str, str]:
    """What stands in each page's head, and by which digest it is allowed (CSP 3, 6.7.3)."""
    text = STYLE.read_text(encoding="utf-8")
    return text, b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


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
    return _page("result", words.status, title=words.title, happened=words.happened, advice=words.advice, code=code)


def parameters_page(asked: AskParameters, action: str) -> Response:
    """A form for what the provider needs to know. It may lead on to wherever the provider is."""
    return _page(
        "parameters", 422 if asked.faults else 200, form_action="'self' https: http:", asked=asked, action=action
    )


def choice_page(asked: AskChoice, action: str) -> Response:
    """A form with what there is to choose from. It may lead on to where the browser is sent back to."""
    leads_to = "'self'" if asked.return_to is None else f"'self' {origin(asked.return_to)}"
    return _page("choice", 200, form_action=leads_to, asked=asked, action=action)


def connect_page(shown: ConnectPage, action: str, token: str) -> Response:
    """What can be connected and what is, with what became of the last try."""
    said = None if shown.outcome is None else ENDINGS[Outcome(shown.outcome)]
    happened = None if said is None else said.happened.format(provider=shown.provider)
    leads_to = "'self' https: http:"
    return _page(
        "connect", 200, form_action=leads_to, shown=shown, action=action, token=token, happened=happened, states=STATES
    )


def redirect_to(url: str) -> Response:
    """The browser goes on to `url`. It is written as it is: whoever made it has encoded it."""
    response = Response(status=302, content_type="text/html; charset=utf-8")
    response.autocorrect_location_header = False
    response.headers["Location"] = url
    return secured(response)


def secured(response: Response, *, form_action: str = "'none'") -> Response:
    """`response` with the headers of everything here: also redirects are not stored, and tell nobody where from."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'sha256-{style()[1]}'; form-action {form_action}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    return response


def _page(template: str, status: int, *, form_action: str = "'none'", **values: Any) -> Response:
    text = render_template(f"oauth/{template}.html", style=style()[0], request_id=g.request_id, **values)
    return secured(Response(text, status, content_type="text/html; charset=utf-8"), form_action=form_action)
