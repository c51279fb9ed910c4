"""Signed assertions: which algorithm a key signs with, what they say, and how apps say who they are with them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from gateway.clock import MICROSECONDS
from gateway.errors import InvalidInput
from gateway.oauth.protocol import tokens
from gateway.oauth.protocol.assertions import signed
from gateway.oauth.protocol.client_authentication import proof
from gateway.oauth.protocol.values import Endpoints
from gateway.providers.oauth.parts import Assertion
from tests.services.for_each import for_each_row
from tests.services.keys import rsa_key
from tests.services.oauth_apps import Answers, app_of, as_json

NOW_US = 1_790_000_000_000_000
THERE = Endpoints(token="https://id.example.org/token", token_authentication="private_key_jwt")
RSA = RSAKey.import_key(rsa_key(), {"kid": "of-the-app"})
EC, EC_384 = ECKey.generate_key("P-256", auto_kid=False), ECKey.generate_key("P-384", auto_kid=False)


def pem(key: Any) -> str:
    return key.as_pem(private=True).decode()


def jwk(key: Any) -> str:
    return orjson.dumps(key.as_dict(private=True)).decode()


@for_each_row(
    ("key", "text", "algorithms", "header"),
    [
        (RSA, pem(RSA), ("RS256",), {"alg": "RS256"}),
        (RSA, jwk(RSA), ("ES256", "PS256"), {"alg": "PS256", "kid": "of-the-app"}),
        (EC, pem(EC), ("RS256", "ES384", "ES256"), {"alg": "ES256"}),
        (EC_384, jwk(EC_384), ("ES256", "ES384"), {"alg": "ES384"}),
    ],
)
def test_a_key_signs_with_the_first_algorithm_that_is_its_own(
    key: Any, text: str, algorithms: tuple[str, ...], header: dict[str, str]
) -> None:
    assertion = Assertion(algorithms=algorithms, lifetime_seconds=120, claims={"sub": "{username}", "org": "{org}"})
    made = signed(text, assertion, claims={"iss": "me"}, audience="here", values={"username": "ada"}, now_us=NOW_US)
    read = jwt.decode(made, key, algorithms=[header["alg"]])
    now = NOW_US // MICROSECONDS
    assert read.header == {"typ": "JWT", **header}
    assert len(read.claims.pop("jti")) == 36
    assert read.claims == {"iss": "me", "sub": "ada", "aud": "here", "iat": now, "exp": now + 120}


def test_the_audience_of_the_entry_counts() -> None:
    assertion = Assertion(audience="https://{login_host}")
    made = signed(
        pem(RSA), assertion, claims={}, audience="here", values={"login_host": "test.salesforce.com"}, now_us=NOW_US
    )
    assert jwt.decode(made, RSA).claims["aud"] == "https://test.salesforce.com"


@pytest.mark.parametrize(
    "key", [None, "", "no key", "{", '{"kty": "RSA"}', "[]", pem(EC), RSA.as_pem(private=False).decode()]
)
def test_what_cannot_sign_is_no_key_and_is_not_quoted(key: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        signed(key, Assertion(), claims={}, audience="here", values={}, now_us=NOW_US)
    assert "key" in str(caught.value)
    assert not key or len(key) < 10 or key not in str(caught.value)


def test_an_app_says_who_it_is_by_its_key() -> None:
    app = app_of("okta", secrets={"private_key": jwk(RSA)})
    made = proof(app, THERE, "private_key_jwt", now_us=NOW_US)
    assert made.headers == {}
    assert made.fields["client_id"] == "client-1"
    assert made.fields["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    claims = jwt.decode(made.fields["client_assertion"], RSA).claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("client-1", "client-1", THERE.token)
    assert "eyJ" not in repr(made)


def test_a_service_account_of_salesforce() -> None:
    app = app_of("salesforce", secrets={"private_key": pem(RSA)})
    said = {"access_token": "AT", "instance_url": "https://acme.my.salesforce.com"}
    http = Answers({THERE.token: as_json(said)})
    found = tokens.jwt_bearer(app, THERE, http, subject="ada@example.org", now_us=NOW_US)
    assert found.kept == {"instance_url": "https://acme.my.salesforce.com"}
    (asked,) = http.asked
    assert asked.body is not None
    head, assertion = asked.body.decode().split("&assertion=")
    assert head == "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
    claims = jwt.decode(assertion, RSA).claims
    now = NOW_US // MICROSECONDS
    assert claims["aud"] == "https://login.salesforce.com"
    assert (claims["iss"], claims["sub"], claims["exp"]) == ("client-1", "ada@example.org", now + 180)


def test_who_takes_no_service_accounts() -> None:
    with pytest.raises(InvalidInput, match="github takes no assertions"):
        tokens.jwt_bearer(app_of("github"), THERE, Answers(), now_us=NOW_US)
