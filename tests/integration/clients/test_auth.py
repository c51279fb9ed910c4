"""Tokens that are fetched, and requests that are signed, as a server on loopback gets them."""

from __future__ import annotations

import hashlib
import hmac
import threading
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.clients import errors
from gateway.clients.auth.base import TokenAuth
from gateway.clients.auth.signed import HmacSigning
from gateway.clients.auth.tokens import (
    Assertion,
    ExchangedToken,
    client_credentials,
    jwt_bearer,
    private_key_jwt,
)
from gateway.clock import FakeClock
from tests.integration.clients.conftest import LOOPBACK, MakeClient
from tests.services.fault_server import FaultServer
from tests.services.keys import rsa_key as shared_rsa_key

PEM = serialization.Encoding.PEM


PKCS8 = serialization.PrivateFormat.PKCS8


PLAIN = serialization.NoEncryption()


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return shared_rsa_key()


@pytest.fixture(scope="module")
def rsa_pem(rsa_key: rsa.RSAPrivateKey) -> str:
    return rsa_key.private_bytes(PEM, PKCS8, PLAIN).decode()


def test_requests_are_signed_with_an_hmac_over_what_the_system_says(make_client: MakeClient) -> None:
    clock = FakeClock()
    auth = HmacSigning(
        b"key",
        lambda one, seconds: f"{seconds}.{one.method}.".encode() + (one.body or b""),
        header="X-Signature",
        timestamp_header="X-Timestamp",
        prefix="v1=",
        clock=clock,
    )

    told = make_client(auth=auth).json("POST", "/a", json={"n": 1})

    seconds = str(clock.now_us() // 1_000_000)
    expected = hmac.new(b"key", f'{seconds}.POST.{{"n":1}}'.encode(), hashlib.sha256).hexdigest()
    assert told["headers"]["x-timestamp"] == seconds
    assert told["headers"]["x-signature"] == f"v1={expected}"


def token_options() -> dict[str, Any]:
    return {"allow_http": True, "policy": LOOPBACK}


def test_a_token_is_asked_for_once_by_many_and_again_before_it_ends(
    server: FaultServer, make_client: MakeClient
) -> None:
    clock = FakeClock()
    source = client_credentials(f"{server.url}/token", "me", "s3cret", scope="read", clock=clock, **token_options())
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(source.token())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(got) == {"given-1"}
    asked = server.at("/token")[0]
    assert asked.headers["authorization"].startswith("Basic ")
    assert parse_qs(asked.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["read"]}
    clock.advance(600 - 60 - 1)
    assert source.token() == "given-1"
    clock.advance(2)
    assert source.token() == "given-2"
    assert source.renew("given-1")
    assert source.renew("given-2")
    assert make_client(auth=TokenAuth(source)).json("GET", "/a")["headers"]["authorization"] == "Bearer given-3"


def test_a_refused_grant_is_a_matter_of_credentials(server: FaultServer, make_client: MakeClient) -> None:
    source = ExchangedToken(make_client(), "/token?error=invalid_client", fields={})

    with pytest.raises(errors.AuthenticationFailed, match="no token was given") as caught:
        make_client(auth=TokenAuth(source), system="crm").get("/a")
    assert str(caught.value).count("acme: ") == 1
    assert caught.value.call.path == "/token"
    assert "crm" not in str(caught.value)
    assert server.at("/a") == []
    with pytest.raises(errors.ResponseInvalid, match="no access_token"):
        ExchangedToken(make_client(), "/anything", fields={}).token()


def test_assertions_are_exchanged_and_prove_clients(server: FaultServer, rsa_pem: str) -> None:
    import jwt

    url = f"{server.url}/token"
    assert jwt_bearer(url, Assertion(rsa_pem, algorithm="RS256", claims={"sub": "ada"}), **token_options()).token()
    curve = ec.generate_private_key(ec.SECP384R1())
    pem = curve.private_bytes(PEM, PKCS8, PLAIN).decode()
    assert private_key_jwt(url, "client-1", pem, algorithm="ES384", scope="system/*.rs", **token_options()).token()

    exchange, proof = (parse_qs(heard.body.decode()) for heard in server.at("/token"))
    assert exchange["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    claims = jwt.decode(proof["client_assertion"][0], curve.public_key(), algorithms=["ES384"], audience=url)
    assert (claims["iss"], claims["sub"]) == ("client-1", "client-1")
    assert claims["exp"] - claims["iat"] <= 300
    assert proof["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
