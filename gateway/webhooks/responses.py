"""Flask responses: of an answer, and of an outcome that is not known yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Response

from gateway.webhooks.arrival import Answer
from gateway.webhooks.ingest import Errand, Handed, Outcome, settle

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LATER_KEY = "gateway.later"
"""A server that can await puts True here; it then finds the `LaterResponse` here and settles it by itself."""


def respond(outcome: Outcome) -> Response:
    """The Flask response of an outcome."""
    if not isinstance(outcome, Answer):
        return LaterResponse(outcome)
    response = Response(outcome.body, status=outcome.status, content_type=outcome.content_type)
    # A handshake echoes what a stranger sent: no browser may take it for a page.
    response.headers["X-Content-Type-Options"] = "nosniff"
    for name, value in outcome.headers:
        response.headers.add(name, value)
    return response


class LaterResponse(Response):
    """A response that waits for its commit, or for work that blocks, when it is sent."""

    def __init__(self, outcome: Handed | Errand) -> None:
        super().__init__()
        # Nothing of this placeholder is sent but what the application adds to every answer.
        self.headers.clear()
        self.outcome: Handed | Errand = outcome

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send the final response, waited for here, or by a server that said it would."""
        if environ.get(LATER_KEY):
            environ[LATER_KEY] = self
            start_response("202 Accepted", [])
            return ()
        return self.final(settle(self.outcome))(environ, start_response)

    def final(self, answer: Answer) -> Response:
        """The response of the answer, with the headers that the application has added meanwhile."""
        response = respond(answer)
        for name, value in self.headers:
            response.headers[name] = value
        return response


def wsgi_parts(response: Response, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of a complete response, as a server sends them."""
    chunks, _, headers = response.get_wsgi_response(environ)
    return response.status_code, headers, b"".join(chunks)
