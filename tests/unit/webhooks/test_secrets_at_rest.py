"""Shared secrets are sealed where they stand, whatever is around them; signatures and the rest stay."""

from __future__ import annotations

import pytest

from gateway.providers import Provider, catalogue, parse_provider, shared_secrets
from gateway.security.sealed_text import MARK, open_sealed
from gateway.security.sealing import Keyring
from gateway.webhooks.arrival import Arrival
from gateway.webhooks.secrets_at_rest import RefusedSealer, RequestSealer, opened_headers, opened_text, places_for

KEYRING = Keyring([b"a" * 32])
OWN = {"tenant_id": "ten_1", "source": "shop"}
CONTEXT = ("ten_1", "request", "shop")
FORM = """
name: Own
category: generic
docs: ours
evidence: {level: ours, by: [us], ids: seen}
webhook:
  schemes:
  - {id: default, method: token, token: {in: form:api key}}
"""


def sealer(provider: Provider) -> RequestSealer:
    return RequestSealer(KEYRING, places_for(provider), **OWN)


@pytest.mark.parametrize(
    ("provider", "name"),
    [("gitlab", "x-gitlab-token"), ("cloudflare-notifications", "Cf-Webhook-Auth"), ("chargebee", "Authorization")],
)
def test_a_header_that_is_the_secret(provider: str, name: str) -> None:
    headers = ((name, "s\xe9cret"), ("X-Other", "1"))
    kept = sealer(catalogue()[provider]).headers(headers)
    assert kept[1] == headers[1]
    assert kept[0][1].startswith(MARK)
    assert opened_headers(KEYRING, kept, **OWN) == headers


def test_a_password_that_came_along_with_a_signature() -> None:
    headers = (("x-hub-signature-256", "sha256=00"), ("authorization", "Basic eDp5"), ("cookie", "a=b"))
    kept = sealer(catalogue()["github"]).headers(headers)
    assert [MARK in value for _name, value in kept] == [False, True, True]


@pytest.mark.parametrize("provider", ["google-pubsub", "github"])
def test_signatures_and_signed_tokens_stay(provider: str) -> None:
    headers = (("authorization", "Bearer a.b.c"), ("x-hub-signature-256", "sha256=00"))
    kept = sealer(catalogue()[provider]).headers(headers)
    assert (kept == headers) is (provider == "google-pubsub")


def test_a_parameter_that_is_the_secret() -> None:
    url = "https://gw.example.com/webhooks/grid?a=1&co%64e=s3cret%2F&code=s3cret&codes=no"
    kept = sealer(catalogue()["azure-event-grid"]).url(url)
    assert kept.count(MARK) == 2
    assert kept.startswith("https://gw.example.com/webhooks/grid?a=1&co%64e=")
    assert kept.endswith("&codes=no")
    assert opened_text(KEYRING, kept, **OWN) == url


@pytest.mark.parametrize(
    "body",
    [
        b'{"value": [{"clientState": "s3cret", "id": "1"}, {"id": "2", "clientState" : "s3\\u0063ret\\"\\/"}]}',
        b'{"clientState":"s3cret',
        '{"clientState": "s3crét"}'.encode("utf-16"),
    ],
)
def test_a_secret_in_a_json_body(body: bytes) -> None:
    kept = sealer(catalogue()["microsoft-graph"]).body(body)
    # With the quote before it, which no sealed value has.
    assert b'"s3' not in kept.replace(b"\x00", b"")
    assert open_sealed(KEYRING, kept, context=CONTEXT) == body


def test_a_secret_in_a_form() -> None:
    own = sealer(parse_provider("own", FORM, origin="own.yaml"))
    body = b"a=1&api+key=s3cret&api%20key=s3cret&b=2"
    kept = own.body(body)
    assert kept.startswith(b"a=1&api+key=gateway-sealed.")
    assert b"s3cret" not in kept
    assert open_sealed(KEYRING, kept, context=CONTEXT) == body
    # Accepted in a form of several parts: it is in there, and nobody looks for where.
    parts = b'--x\r\nContent-Disposition: form-data; name="api key"\r\n\r\ns3cret\r\n--x--'
    assert own.body(parts).startswith(b"gateway-sealed.")


def test_bodies_of_those_who_sign_stay() -> None:
    body = b'{"clientState": "x", "verification_token": "y"}'
    assert sealer(catalogue()["github"]).body(body) == body
    assert sealer(catalogue()["gitlab"]).body(body) == body


def test_a_refused_request_may_be_anybodys() -> None:
    refused = RefusedSealer(KEYRING, shared_secrets())
    arrival = Arrival(
        "default",
        "shop",
        "POST",
        "https://gw.example.com/webhooks/shop?code=s3cret&x=1&my_token=s3cret",
        (("X-GitLab-Token", "s3cret"), ("x-api-key", "s3cret"), ("X-Hub-Signature", "sha1=0"), ("dg-token", "")),
        b'{"clientState": "s3cret", "a": "b"}',
        "127.0.0.1",
        "req",
        1,
        0.0,
    )
    headers, url, body = refused.sealed(arrival, **OWN)
    assert "s3cret" not in f"{headers}{url}{body!r}"
    assert headers[2:] == arrival.headers[2:]
    assert opened_headers(KEYRING, headers, **OWN) == arrival.headers
    assert opened_text(KEYRING, url, **OWN) == arrival.url
    assert open_sealed(KEYRING, body, context=CONTEXT) == arrival.body
