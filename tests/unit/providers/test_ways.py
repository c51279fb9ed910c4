"""In which ways accounts can be connected, what each asks for, and how it is tried."""

from __future__ import annotations

from collections import Counter

from gateway.providers import catalogue, parse_provider
from gateway.providers.ways import Asked, Trial, trial, ways

ENTRY = """\
name: Acme
category: tests
docs: Acme's handbook
evidence: {level: docs}
api:
  base_url: "https://{shop}.acme.example/v1"
  docs: Acme's reference
  credential: CREDENTIAL
  parameters: {shop: {about: the shop, pattern: "[a-z]+", default: main}}
  resources:
    parts: {path: "/things/{id}/parts", records: data, id: id, paging: {style: single}}
    found: {path: /search, method: POST, records: data, id: id, paging: {style: single}}
    things: {path: /things, query: {all: "1"}, records: data, id: id, paging: {style: single}}
"""
FURTHER = "{kind: bearer, also: {app_key: {about: the app's, header: X-App}}}"
SHOP = Asked("shop", "the shop", default="main")


def test_those_of_the_catalogue() -> None:
    counted = Counter(way.kind for one in catalogue().values() for way in ways(one))
    assert counted == {
        "authorization_code": 100,
        "api_key": 41,
        "basic": 4,
        "device_code": 2,
        "client_credentials": 1,
        "jwt_bearer": 1,
        "oauth1": 1,
    }
    by_key = [one for one in catalogue().values() if one.api is not None]
    assert [one.id for one in by_key if trial(one) is None] == ["sentry"]


def test_a_key_is_asked_for_as_it_is_sent() -> None:
    kinds = {}
    for credential in ("{kind: bearer}", "{kind: basic}", "{kind: basic, username: key}", FURTHER, "{kind: none}"):
        acme = parse_provider("acme", ENTRY.replace("CREDENTIAL", credential), origin="acme.yaml")
        [way] = ways(acme)
        kinds[credential] = (way.kind, [(one.name, one.is_secret) for one in way.asks])
        assert way.asks[-1] == SHOP
        tried = Trial("GET", "https://{shop}.acme.example/v1/things", {"all": "1"})
        assert trial(acme) == (None if "none" in credential else tried)
    assert kinds == {
        "{kind: bearer}": ("api_key", [("key", True), ("shop", False)]),
        "{kind: basic}": ("basic", [("username", False), ("password", True), ("shop", False)]),
        "{kind: basic, username: key}": ("api_key", [("key", True), ("shop", False)]),
        FURTHER: ("api_key", [("key", True), ("app_key", True), ("shop", False)]),
        "{kind: none}": ("open", [("shop", False)]),
    }


def test_oauth_comes_first_and_asks_for_its_parameters() -> None:
    zendesk = ways(catalogue()["zendesk"])
    assert [one.kind for one in zendesk] == ["authorization_code", "basic"]
    assert zendesk[0].asks == (Asked("subdomain", "the name before .zendesk.com"),)
    assert [one.name for one in zendesk[1].asks] == ["username", "password", "subdomain"]


def test_whose_the_key_is_tries_it() -> None:
    assert trial(catalogue()["github"]) == Trial("GET", "https://api.github.com/user")
    assert trial(catalogue()["zendesk"]) == Trial("GET", "https://{subdomain}.zendesk.com/api/v2/users/me")
    linear = trial(catalogue()["linear"])
    assert linear is not None
    assert (linear.method, list(linear.body)) == ("POST", ["query"])
    assert trial(catalogue()["keycloak"]) is None
