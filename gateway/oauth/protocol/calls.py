"""Requests that an entry has as templates, made and sent: whose account it is, what there is to choose, revoking.

What their answers say is read elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.clients.values import Call as SignedCall
from gateway.oauth.protocol.client_authentication import Proof, proof
from gateway.oauth.protocol.encoding import body_of, merged, url_with
from gateway.oauth.protocol.errors import ProviderError
from gateway.oauth.protocol.http import Http, HttpAnswer, HttpRequest
from gateway.oauth.protocol.oauth1 import signer
from gateway.oauth.protocol.values import App, Endpoints
from gateway.providers.oauth.parts import Call
from gateway.providers.oauth.templates import filled, filled_all, url_of

NOTHING: Mapping[str, str] = {}


def send_call(
    app: App,
    call: Call,
    endpoints: Endpoints,
    http: Http,
    *,
    values: Mapping[str, str],
    now_us: int,
    endpoint: str | None = None,
    fields: Mapping[str, str] = NOTHING,
    token_secret: str | None = None,
) -> HttpAnswer:
    """The answer to `call`, whatever its status. Arguments and errors as in `request_of`, and those of `Http.send`."""
    request = request_of(
        app,
        call,
        endpoints,
        values=values,
        now_us=now_us,
        endpoint=endpoint,
        fields=fields,
        token_secret=token_secret,
    )
    return http.send(request)


def request_of(
    app: App,
    call: Call,
    endpoints: Endpoints,
    *,
    values: Mapping[str, str],
    now_us: int,
    endpoint: str | None = None,
    fields: Mapping[str, str] = NOTHING,
    token_secret: str | None = None,
) -> HttpRequest:
    """`call` with its names filled in from `values` (`known.known`); what names something unknown is left out.

    `endpoint` is where it goes when it has no URL of its own. `fields` go into the body as they are. `token_secret` is
    that of OAuth 1.0a. Raises `ProviderError` where its URL is not known.
    """
    url = _url(call, values, endpoint)
    made = _proof(app, call, endpoints, values, now_us)
    body_fields = {**filled_all(call.body, values), **fields}
    query = {**made.query, **filled_all(call.query, values)}
    if call.method == "GET":
        query |= made.proof.fields
    else:
        body_fields |= made.proof.fields
    body, typed = body_of(call.format, body_fields)
    headers = merged(made.headers, made.proof.headers, dict(typed), filled_all(call.headers, values))
    request = HttpRequest(call.method, url_with(url, query), headers, body)
    is_signed = call.authentication == "token" and app.oauth.api.is_signed
    return _signed(app, request, values, token_secret) if is_signed else request


@dataclass(frozen=True, slots=True)
class _Made:
    """Who is calling, and what goes along with each call of the API."""

    proof: Proof
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)


def _proof(app: App, call: Call, endpoints: Endpoints, values: Mapping[str, str], now_us: int) -> _Made:
    if call.authorization is not None:
        value = filled(call.authorization, values)
        return _Made(Proof(headers={} if value is None else {"Authorization": value}))
    if call.authentication == "nobody":
        return _Made(Proof())
    if call.authentication == "token":
        api = app.oauth.api
        value = None if api.is_signed else filled(api.value, values)
        carried = Proof(headers={} if value is None else {api.header: value})
        return _Made(carried, filled_all(api.headers, values), filled_all(api.query, values))
    way = endpoints.token_authentication if call.authentication == "like_token" else call.authentication
    return _Made(proof(app, endpoints, way, now_us=now_us))


def _url(call: Call, values: Mapping[str, str], endpoint: str | None) -> str:
    if call.url is None:
        if endpoint is None:
            raise ProviderError("the provider is not asked: it has no such endpoint")
        return endpoint
    try:
        return url_of(call.url, values)
    except KeyError as error:
        raise ProviderError(f"the provider is not asked: the URL needs {error.args[0]!r}, which is not known") from None


def _signed(app: App, request: HttpRequest, values: Mapping[str, str], token_secret: str | None) -> HttpRequest:
    signing = signer(app, token=values.get("access_token", ""), token_secret=token_secret or "")
    signed = signing.apply(SignedCall(request.method, request.url, "", headers=request.headers, body=request.body))
    return HttpRequest(request.method, request.url, signed.headers, request.body)
