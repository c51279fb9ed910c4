"""The inbound URLs on a WSGI host: a request becomes an `Arrival`, its answer a Flask response. Nothing is decided
here; `server.webhooks` does the same on an event loop.
"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, g, request
from werkzeug.datastructures import Headers

from gateway.installation import installation_of
from gateway.webhooks.arrival import Answer
from gateway.webhooks.receive.addressing import Address, address_of, refuse_address
from gateway.webhooks.receive.answers import answer_headers, failed
from gateway.webhooks.receive.assembly import inbound_of
from gateway.webhooks.receive.inbound import Inbound
from gateway.webhooks.receive.progress import wait_for_answer
from gateway.webhooks.receive.request_reader import target_of

blueprint = Blueprint("webhooks", __name__)


# Not a route: Flask matches routes with percent-encodings undone, and joins slashes by a redirect.
@blueprint.before_app_request
def receive() -> Response | None:
    """Answer a webhook or a provider's handshake; None for all other requests."""
    address = address_of(target_of(request.environ))
    if address is None:
        return None
    answer = _answer(inbound_of(installation_of(current_app)), address)
    return Response(answer.body, status=answer.status, headers=Headers(answer_headers(answer)))


def _answer(inbound: Inbound, address: Address) -> Answer:
    refused = refuse_address(address, request.method)
    if refused is not None:
        return refused
    try:
        arrival = inbound.reader.arrival(request.environ, address, g.request_id)
        answer = wait_for_answer(inbound.ingest.begin(arrival))
        inbound.lines.answered(arrival, answer)
        return answer
    except Exception:
        return failed(g.request_id)
