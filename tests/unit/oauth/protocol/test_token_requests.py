"""The token requests of every entry: what the facts say, made by another library than ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

import pytest
import requests
from requests.auth import HTTPBasicAuth

from gateway.oauth.protocol import tokens
from gateway.oauth.protocol.http import HttpRequest
from gateway.oauth.protocol.known import known
from gateway.oauth.protocol.values import App, Endpoints
from gateway.providers import catalogue
from gateway.providers.oauth.templates import url_of
from gateway.strict_yaml import load_strictly
from tests.services.for_each import for_each
from tests.services.oauth_apps import Answers, app_of, as_json, section

EXPECTED = load_strictly(Path("tests/fixtures/oauth_token_requests.yaml").read_text())
DISCOVERED = {"oidc": "https://id.example.org/realm/token"}
ID, SECRET = "client-1", "s:e c+r%t"
CODE, VERIFIER, REFRESH, ACCESS = "c/o+d e", "v" * 43, "re/fresh+token", "old/access+token"
# What the callback told, of those whose exchange needs it; and what leads to the API, of those whose answer tells.
CALLBACKS = {"bigcommerce": {"context": "stores/abc", "scope": "store_v2_products"}}
HOSTS = {
    "pipedrive": {"api_domain": "https://acme.pipedrive.com"},
    "salesforce": {"instance_url": "https://acme.my.salesforce.com"},
    "wrike": {"host": "www.wrike.com"},
    "zoho": {"api_domain": "https://www.zohoapis.com"},
}
WAYS = {"discovered": "client_secret_basic"}


def side(provider: str) -> tuple[App, Endpoints, Answers]:
    """An app, where its requests go, and a provider that gives a token to whoever asks."""
    app = app_of(provider, secrets={"client_secret": SECRET})
    url = app.oauth.token.url
    way = app.oauth.token.authentication
    there = Endpoints(
        token=DISCOVERED[provider] if url is None else url_of(url, known(app)),
        token_authentication=WAYS.get(way, way),
    )
    said: dict[str, Any] = {"access_token": "new", "token_type": "bearer", **HOSTS.get(provider, {})}
    said = {"body": said, "status": 0} if provider == "withings" else said | {"ok": True}
    return app, there, _Always(said)


class _Always(Answers):
    """The same answer at every URL."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        super().__init__()
        self.said = said

    def send(self, request: HttpRequest) -> Any:
        self.asked.append(request)
        return as_json(self.said)


def expected(row: Mapping[str, Any], url: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """A request as requests makes it."""
    name, way = row.get("client_id", "client_id"), row.get("as", "post")
    identity = {
        "post": {name: ID, "client_secret": SECRET},
        "none": {name: ID},
        "secret_only": {"client_secret": SECRET},
    }
    data = {**fields, **identity.get(way, {})}
    body = {"json": data} if row.get("json") else {"data": data}
    auth = HTTPBasicAuth(quote_plus(ID), quote_plus(SECRET)) if way == "basic" else None
    made = requests.Request("POST", url, headers=row.get("headers", {}), auth=auth, **body).prepare()
    return shown(made.method, made.url, made.headers, made.body)


def shown(method: str | None, url: str | None, headers: Mapping[str, str], body: bytes | str | None) -> dict[str, Any]:
    """A request such that two that mean the same are equal."""
    said = {name.lower(): value for name, value in headers.items()} if headers else {}
    said.pop("content-length", None)
    text = body.decode() if isinstance(body, bytes) else body or ""
    fields = json.loads(text) if "json" in said.get("content-type", "") else parse_qsl(text, strict_parsing=bool(text))
    assert len(dict(fields)) == len(fields), "a parameter stands in it twice"
    query = parse_qsl(urlsplit(url or "").query)
    return {
        "method": method,
        "url": (url or "").partition("?")[0],
        "query": dict(query),
        "headers": said,
        "body": dict(fields),
    }


def asked(http: Answers) -> dict[str, Any]:
    (request,) = http.asked
    return shown(request.method, request.url, dict(request.headers), request.body)


@for_each([name for name, row in EXPECTED.items() if row.get("exchange", True) is not None], str)
def test_the_exchange_of_every_entry_is_what_the_facts_say(provider: str) -> None:
    app, there, http = side(provider)
    kept = CALLBACKS.get(provider, {})
    given = tokens.exchange_code(app, there, http, code=CODE, verifier=VERIFIER, kept=kept, now_us=0)
    assert given.access_token == "new"
    row = EXPECTED[provider]
    told = "Acme-RuName" if provider == "ebay" else f"https://gateway.example.org/oauth/{provider}/callback"
    fields = {"grant_type": "authorization_code", "code": CODE, "redirect_uri": told, "code_verifier": VERIFIER}
    fields = {name: value for name, value in fields.items() if name not in row.get("without", ())}
    assert asked(http) == expected(row, row["url"], fields | row.get("exchange", {}))


@for_each([name for name, row in EXPECTED.items() if "swap" not in row and row.get("refresh", True) is not None], str)
def test_the_refresh_of_every_entry_is_what_the_facts_say(provider: str) -> None:
    app, there, http = side(provider)
    secrets = {"access_token": ACCESS, "refresh_token": REFRESH}
    tokens.refresh(app, there, http, secrets=secrets, kept=CALLBACKS.get(provider, {}), now_us=0)
    row = EXPECTED[provider]
    fields = {"grant_type": "refresh_token", "refresh_token": REFRESH, **row.get("refresh", {})}
    assert asked(http) == expected(row, row.get("refresh_url", row["url"]), fields)


@for_each([name for name, row in EXPECTED.items() if "swap" in row], str)
def test_who_has_no_refresh_token_swaps_the_access_token(provider: str) -> None:
    app, there, http = side(provider)
    tokens.refresh(app, there, http, secrets={"access_token": ACCESS}, kept={}, now_us=0)
    row = EXPECTED[provider]
    assert asked(http) == shown("GET", row["swap"], {}, None) | {"query": row["swap_query"]}


@for_each([name for name, row in EXPECTED.items() if "app" in row], str)
def test_the_token_of_an_app_itself(provider: str) -> None:
    app, there, http = side(provider)
    tokens.client_credentials(app, there, http, now_us=0)
    row = EXPECTED[provider]
    assert asked(http) == expected(row, row["url"], {"grant_type": "client_credentials", **row["app"]})


def test_there_is_a_row_for_everybody() -> None:
    assert EXPECTED.keys() == {
        name for name, one in catalogue().items() if one.oauth is not None and one.oauth.kind != "oauth1"
    }
    assert {name for name, row in EXPECTED.items() if row.get("refresh", True) is None} == {
        name for name in EXPECTED if not section(name).refresh.is_possible
    }


def test_an_app_without_a_secret_says_who_it_is_all_the_same() -> None:
    app, there, http = side("okta")
    tokens.exchange_code(replace(app, secrets={}), there, http, code=CODE, verifier=VERIFIER, now_us=0)
    assert asked(http)["body"]["client_id"] == ID
    assert "authorization" not in asked(http)["headers"]


def test_without_pkce_no_verifier_is_sent() -> None:
    app, there, http = side("linkedin")
    tokens.exchange_code(app, there, http, code=CODE, verifier=None, now_us=0)
    assert "code_verifier" not in asked(http)["body"]


def test_what_was_told_is_told_again() -> None:
    app, there, http = side("github")
    tokens.exchange_code(app, there, http, code=CODE, verifier=None, redirect_uri="https://old.example/cb", now_us=0)
    assert asked(http)["body"]["redirect_uri"] == "https://old.example/cb"


def test_the_data_centre_of_the_callback_gets_the_code() -> None:
    app, _, http = side("zoho")
    there = Endpoints(token="https://accounts.zoho.eu/oauth/v2/token")
    kept = {"accounts_server": "https://accounts.zoho.eu", "location": "eu"}
    assert known(app, kept=kept)["accounts"] == "https://accounts.zoho.eu"
    tokens.exchange_code(app, there, http, code=CODE, verifier=VERIFIER, kept=kept, now_us=0)
    assert asked(http)["url"] == "https://accounts.zoho.eu/oauth/v2/token"


class _InTurn(Answers):
    """One answer after the other."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = list(answers)

    def send(self, request: HttpRequest) -> Any:
        self.asked.append(request)
        return self.answers.pop(0)


SLACK_SECRETS = {"access_token": "b", "refresh_token": "rb", "second_access_token": "p", "second_refresh_token": "rp"}


def test_a_second_token_is_refreshed_by_its_own_refresh_token() -> None:
    app, there, _ = side("slack")
    http = _InTurn(
        as_json({"ok": True, "access_token": "b2", "refresh_token": "rb2", "expires_in": 43200}),
        as_json({"ok": True, "access_token": "p2", "refresh_token": "rp2", "token_type": "user", "scope": "a,b"}),
    )
    found = tokens.refresh(app, there, http, secrets=SLACK_SECRETS, kept={}, now_us=0)
    assert [dict(parse_qsl((one.body or b"").decode()))["refresh_token"] for one in http.asked] == ["rb", "rp"]
    assert (found.access_token, found.refresh_token, found.expires_at_us) == ("b2", "rb2", 43_200_000_000)
    assert found.second is not None
    assert (found.second.access_token, found.second.refresh_token, found.second.scopes) == ("p2", "rp2", ("a", "b"))


def test_the_first_token_is_not_lost_with_the_second() -> None:
    app, there, _ = side("slack")
    http = _InTurn(
        as_json({"ok": True, "access_token": "b2", "refresh_token": "rb2"}),
        as_json({"ok": False, "error": "invalid_refresh_token"}),
    )
    found = tokens.refresh(app, there, http, secrets=SLACK_SECRETS, kept={}, now_us=0)
    assert (found.access_token, found.second) == ("b2", None)


@pytest.mark.parametrize(
    ("provider", "secrets"), [("github", {"access_token": "AT"}), ("meta", {"refresh_token": "RT"})]
)
def test_there_must_be_something_to_refresh_with(provider: str, secrets: dict[str, str]) -> None:
    app, there, http = side(provider)
    with pytest.raises(ValueError, match="there is no"):
        tokens.refresh(app, there, http, secrets=secrets, kept={}, now_us=0)
    assert http.asked == []
