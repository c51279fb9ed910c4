"""Flask responses: of an answer, and of an outcome that is not known yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Response
from werkzeug.datastructures import Headers

from gateway.webhooks.arrival import Answer
from gateway.webhooks.receive.ingest import Errand, Handed, Outcome, settle

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

NO_BODY = frozenset({204, 304})

LATER_KEY = "gateway.later"
"""A server that can await puts True here; it then finds the `LaterResponse` here and settles it by itself. The headers
that it was started with belong to the answer too.
"""


def respond(outcome: Outcome) -> Response:
    """The Flask response of an outcome."""
    if not isinstance(outcome, Answer):
        return LaterResponse(outcome)
    return Response(outcome.body, status=outcome.status, headers=Headers(answer_headers(outcome)))


def answer_headers(answer: Answer) -> list[tuple[str, str]]:
    """The headers of an answer."""
    return [
        ("Content-Type", answer.content_type),
        # A handshake echoes what a stranger sent: no browser may take it for a page.
        ("X-Content-Type-Options", "nosniff"),
        *answer.headers,
    ]


class LaterResponse(Response):
    """A response that waits for its commit, or for work that blocks, when it is sent."""

    # What a hook would find before the answer is known. Response's own __init__ prepares a body and its headers, but
    # nothing of this placeholder is sent except what the application adds to every answer.
    _status = "202 Accepted"
    _status_code = 202
    direct_passthrough = False

    def __init__(self, outcome: Handed | Errand) -> None:
        self.headers = Headers()
        self.response: list[bytes] = []
        self.outcome: Handed | Errand = outcome

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send the final response, waited for here, or by a server that said it would."""
        if environ.get(LATER_KEY):
            environ[LATER_KEY] = self
            start_response("202 Accepted", self.headers.to_wsgi_list())
            return ()
        response = respond(settle(self.outcome))
        response.headers.update(self.headers)
        return response(environ, start_response)


def answer_parts(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of an answer, for a server that has waited by itself."""
    headers = answer_headers(answer)
    if answer.status not in NO_BODY:
        headers.append(("Content-Length", str(len(answer.body))))
    return answer.status, headers, answer.body
