"""Apps at providers of the catalogue, and a port to providers that answers from a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from gateway.oauth.protocol.http import HttpAnswer, HttpRequest
from gateway.oauth.protocol.values import App
from gateway.providers import catalogue
from gateway.providers.oauth.model import OAuth
from gateway.providers.oauth.parameters import completed

GATEWAY_URL = "https://gateway.example.org"
# What somebody types, for parameters without a default.
TYPED = {
    "issuer": "https://id.example.org/realm",
    "base": "https://server.example.org/path",
    "realm": "main",
    "domain": "acme.example.org",
    "subdomain": "acme",
    "shop": "acme.myshopify.com",
    "instance_id": "11111111-2222",
    "tld": "co.uk",
    "ru_name": "Acme-RuName",
    "app_name": "Acme",
    "user_agent": "Acme (ops@acme.example)",
}


def section(provider: str) -> OAuth:
    """The section `oauth` of an entry that has one."""
    oauth = catalogue()[provider].oauth
    assert oauth is not None
    return oauth


def app_of(provider: str = "github", oauth: OAuth | None = None, **changes: Any) -> App:
    """An app at `provider`, its parameters typed in; `oauth` in place of the entry's section."""
    chosen = oauth or section(provider)
    typed = {name: TYPED[name] for name, one in chosen.parameters.items() if name in TYPED and one.default is None}
    given = {
        "id": "app_1",
        "name": "main",
        "provider": provider,
        "oauth": chosen,
        "client_id": "client-1",
        "secrets": {"client_secret": "s3cret"},
        "parameters": completed(chosen.parameters, typed, plain_http=True),
        "redirect_uri": f"{GATEWAY_URL}/oauth/{provider}/callback",
        "gateway_url": GATEWAY_URL,
    }
    return App(**given | changes)


class Answers:
    """What is at each URL: a document, an answer, an error to raise, or a function of the request. All else is 404.

    `asked` are the requests in the order in which they came.
    """

    def __init__(self, found: Mapping[str, Any] | None = None) -> None:
        self.found: dict[str, Any] = dict(found or {})
        self.asked: list[HttpRequest] = []

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.asked.append(request)
        answer = self.found.get(request.url)
        if isinstance(answer, Callable):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, HttpAnswer):
            return answer
        return HttpAnswer(404, {}, b"") if answer is None else as_json(answer)

    @property
    def urls(self) -> list[str]:
        """Those that were asked for."""
        return [one.url for one in self.asked]


def as_json(document: object, status: int = 200) -> HttpAnswer:
    """An answer with a JSON document."""
    return HttpAnswer(status, {"content-type": "application/json"}, json.dumps(document).encode())
