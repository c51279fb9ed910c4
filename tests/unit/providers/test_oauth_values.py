"""Values that come near a URL: what an operator gives as a parameter, what a provider tells of hosts, templates."""

from __future__ import annotations

import pytest

from gateway.errors import InvalidInput
from gateway.providers.oauth.hosts import kept_fault, redirect_path
from gateway.providers.oauth.parameters import completed
from gateway.providers.oauth.parts import Kept, Parameter
from gateway.providers.oauth.templates import filled, filled_all, url_of
from gateway.providers.registry import catalogue
from tests.services.for_each import for_each, for_each_row

SHOP = Parameter("the shop", pattern="[a-z0-9][a-z0-9-]*", suffix=".acme.example")
REGION = Parameter("the region", choices={"eu": "eu.", "us": ""}, default="us")
BASE = Parameter("the server", kind="url")
AUDIENCE = Parameter("the API", optional=True)


def test_values_are_completed_as_templates_want_them() -> None:
    parameters = {"shop": SHOP, "region": REGION, "base": BASE, "audience": AUDIENCE}
    given = {"shop": "my-shop.acme.example", "base": "https://my-id.acme.example:8443/auth"}
    assert completed(parameters, given) == {
        "shop": "my-shop",
        "region": "",
        "base": "https://my-id.acme.example:8443/auth",
    }
    assert completed(parameters, given | {"region": "eu", "audience": "api://x"})["region"] == "eu."


@for_each(
    [
        "",
        "Shop",
        "evil.example/",
        "evil.example#",
        "evil.example?",
        "a@evil.example",
        "a b",
        "a\n",
        "evil\\.example",
        "-a",
        "a:80",
        "ａ",
    ],
    name=repr,
)
def test_a_shop_leads_nowhere_else(value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        completed({"shop": SHOP}, {"shop": value})
    assert [fault.field for fault in caught.value.faults] == ["parameters.shop"]


@for_each(
    [
        "http://id.acme.example",
        "//id.acme.example",
        "id.acme.example",
        "https://",
        "https:///path",
        "https://user@id.acme.example",
        "https://user:pass@id.acme.example",
        "https://id.acme.example?x=1",
        "https://id.acme.example/#a",
        "https://id.acme.example/a/../b",
        "https://id.acme.example\\@evil.example",
        "https://id.acme.example:port",
        "https://id.acme.example:99999",
        "https://id.acme.example/\n",
        " https://id.acme.example",
        "https://id.acmé.example",
        "javascript://id.acme.example",
        "https://[::1",
    ],
    name=repr,
)
def test_the_beginning_of_urls_is_https_and_nothing_more(value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        completed({"base": BASE}, {"base": value}, plain_http=True)
    assert [fault.code for fault in caught.value.faults] == ["malformed"]


def test_plain_http_is_for_loopback_and_only_where_it_is_allowed() -> None:
    for host in ("127.0.0.1:9000", "localhost", "[::1]:80"):
        given = {"base": f"http://{host}"}
        assert completed({"base": BASE}, given, plain_http=True) == given
        with pytest.raises(InvalidInput, match="https://"):
            completed({"base": BASE}, given)
    with pytest.raises(InvalidInput):
        completed({"base": BASE}, {"base": "http://localhost.evil.example"}, plain_http=True)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        completed({"shop": SHOP, "region": REGION}, {"region": "mars", "colour": "red"})
    assert {(fault.field, fault.code) for fault in caught.value.faults} == {
        ("parameters.shop", "missing"),
        ("parameters.region", "malformed"),
        ("parameters.colour", "not_taken"),
    }


@for_each_row(
    ("kept", "value", "is_good"),
    [
        (Kept("a", under=("acme.example",)), "https://eu1.acme.example", True),
        (Kept("a", under=("acme.example",)), "https://acme.example/x", True),
        (Kept("a", under=("acme.example",)), "eu1.acme.example", True),
        (Kept("a", under=("acme.example",)), "https://evilacme.example", False),
        (Kept("a", under=("acme.example",)), "https://acme.example.evil.example", False),
        (Kept("a", under=("acme.example",)), "https://acme.example@evil.example", False),
        (Kept("a", under=("acme.example",)), "https://evil.example/acme.example", False),
        (Kept("a", under=("acme.example",)), "https://evil.example\\.acme.example", False),
        (Kept("a", under=("acme.example",)), "https://evil.example#.acme.example", False),
        (Kept("a", under=("acme.example",)), "http://eu1.acme.example", False),
        (Kept("a", under=("acme.example",)), "evil.example/.acme.example", False),
        (Kept("a", under=("acme.example",)), "evil.example:80@acme.example", False),
        (Kept("a", under=("acme.example",)), "", False),
        (Kept("a", pattern="us[0-9]+"), "us19", True),
        (Kept("a", pattern="us[0-9]+"), "us19.evil.example/", False),
        (Kept("a"), "anything", True),
        (Kept("a"), "..", False),
    ],
)
def test_what_a_provider_tells_is_believed_under_its_own_domains(kept: Kept, value: str, is_good: bool) -> None:
    assert (kept_fault(kept, value) is None) is is_good


def test_templates() -> None:
    assert filled("Key {a}:{b}", {"a": "1", "b": "2"}) == "Key 1:2"
    assert filled_all({"x": "{a}", "y": "{missing}", "z": "z"}, {"a": "{z}"}) == {"x": "{z}", "z": "z"}
    values = {"base": "https://id.example/auth/", "realm": "a b/c?", "shop": "acme", "path": "stores/x1"}
    assert url_of("{base}/realms/{realm}/token", values) == "https://id.example/auth/realms/a%20b/c%3F/token"
    assert url_of("https://{shop}.example/{path}?v=1", values) == "https://acme.example/stores/x1?v=1"
    assert url_of("https://{shop}.example", values) == "https://acme.example"
    assert url_of("{base}", values) == "https://id.example/auth/"


def test_an_app_has_a_redirect_uri_of_its_own_where_a_parameter_chooses_the_server() -> None:
    paths = {}
    for name in ("oidc", "shopify"):
        oauth = catalogue()[name].oauth
        assert oauth is not None
        paths[name] = redirect_path(name, oauth, "acr_1")
    assert paths == {"oidc": "/oauth/oidc/acr_1/callback", "shopify": "/oauth/shopify/callback"}
