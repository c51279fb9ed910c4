"""Authorization requests that are pushed before the browser goes anywhere: RFC 9126."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.oauth.protocol.bodies import document_of
from gateway.oauth.protocol.client_authentication import proof
from gateway.oauth.protocol.encoding import body_of, merged
from gateway.oauth.protocol.errors import ProviderAnswerInvalid
from gateway.oauth.protocol.http import Http, HttpRequest, require_served
from gateway.oauth.protocol.refusals import refusal
from gateway.oauth.protocol.values import App, Endpoints
from gateway.providers.oauth.model import Answer

MAX_URI = 2048
STANDARD = Answer()


def push(app: App, endpoints: Endpoints, http: Http, parameters: Mapping[str, str], *, now_us: int) -> dict[str, str]:
    """What stands in the URL in place of `parameters`, which are pushed as the client.

    Raises `ProviderRefused`, `ProviderUnavailable`, `ProviderAnswerInvalid`.
    """
    made = proof(app, endpoints, endpoints.token_authentication, now_us=now_us)
    body, typed = body_of("form", {**parameters, **made.fields})
    answer = http.send(HttpRequest("POST", endpoints.pushed or "", merged(dict(typed), made.headers), body))
    require_served(answer, "the provider answered the pushed request", now_us=now_us)
    document = document_of(answer.content_type, answer.body)
    refused = refusal(STANDARD, answer.status, document, secrets=tuple(app.secrets.values()))
    if refused is not None:
        raise refused
    uri = document.get("request_uri")
    if not isinstance(uri, str) or not 0 < len(uri) <= MAX_URI or not uri.isascii() or not uri.isprintable():
        raise ProviderAnswerInvalid("the provider's answer to the pushed request holds no request_uri")
    name = app.oauth.authorize.client_id_parameter if app.oauth.authorize is not None else "client_id"
    return {name: app.client_id, "request_uri": uri}
