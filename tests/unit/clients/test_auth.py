"""Credentials that are more than a constant, held against signers and verifiers of others."""

from __future__ import annotations

import hashlib
import hmac
import threading
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import pytest
import requests
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.clients import errors
from gateway.clients.auth.base import TokenAuth
from gateway.clients.auth.oauth1 import OAuth1
from gateway.clients.auth.signed import AwsSigV4, HmacSigning
from gateway.clients.auth.tokens import (
    Assertion,
    ExchangedToken,
    SignedBearer,
    client_credentials,
    jwt_bearer,
    private_key_jwt,
)
from gateway.clients.values import Call
from gateway.clock import FakeClock
from tests.services.fault_server import FaultServer
from tests.unit.clients.conftest import LOOPBACK, MakeClient

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def rsa_pem(rsa_key: rsa.RSAPrivateKey) -> str:
    return rsa_key.private_bytes(PEM, PKCS8, PLAIN).decode()


def call(method: str = "GET", url: str = "https://api.example/v1/a%20b", **more: Any) -> Call:
    return Call(method, url, "/v1/{id}", **more)


@pytest.mark.parametrize("service", ["execute-api", "s3"])
def test_aws_requests_are_signed_as_botocore_signs_them(service: str) -> None:
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    clock = FakeClock()
    auth = AwsSigV4(
        "AKIDEXAMPLE", "wJalrXUtnFEMI", region="eu-central-1", service=service, session_token="sess", clock=clock
    )
    signed = auth.apply(
        call(
            "POST", query=(("b", "2 3"), ("a", "~/é"), ("a", "")), headers=(("Content-Type", "text/plain"),), body=b"x"
        )
    )

    theirs = AWSRequest("POST", signed.full_url, data=b"x", headers={"Content-Type": "text/plain"})
    theirs.context["timestamp"] = signed.header("X-Amz-Date")
    theirs.headers["X-Amz-Content-SHA256"] = signed.header("X-Amz-Content-Sha256")
    theirs.headers["X-Amz-Date"] = signed.header("X-Amz-Date")
    theirs.headers["X-Amz-Security-Token"] = "sess"
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(
        Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", "sess"), service, "eu-central-1"
    )
    signature = signer.signature(signer.string_to_sign(theirs, signer.canonical_request(theirs)), theirs)
    assert (signed.header("Authorization") or "").endswith(f"Signature={signature}")


def test_oauth1_is_verified_by_oauthlib() -> None:
    from oauthlib.common import Request
    from oauthlib.oauth1.rfc5849.signature import collect_parameters, verify_hmac_sha1

    auth = OAuth1("consumer", "c-secret", token="tok", token_secret="t-secret")
    form = (("Content-Type", "application/x-www-form-urlencoded"),)
    for one in (
        call(query=(("q", "a b"), ("z", "1"))),
        call("POST", headers=form, body=b"x=1&y=a+b"),
        call("POST", headers=(("Content-Type", "application/json"),), body=b'{"x":1}'),
    ):
        signed = auth.apply(one)
        authorization = signed.header("Authorization") or ""
        is_form = one.headers == form
        request = Request(signed.full_url, signed.method, (one.body or b"").decode() if is_form else "")
        request.params = collect_parameters(
            uri_query=urlsplit(signed.full_url).query,
            body=parse_qsl((one.body or b"").decode()) if is_form else [],
            headers={"Authorization": authorization},
        )
        given = dict(part.strip().split("=", 1) for part in authorization.removeprefix("OAuth ").split(","))
        request.signature = unquote(given["oauth_signature"].strip('"'))
        assert verify_hmac_sha1(request, client_secret="c-secret", resource_owner_secret="t-secret")
        assert "secret" not in f"{auth!r}"


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


def test_assertions_are_verified_by_their_public_key(rsa_key: rsa.RSAPrivateKey, rsa_pem: str) -> None:
    import jwt

    clock = FakeClock()
    assertion = Assertion(
        rsa_pem, algorithm="RS256", claims={"iss": "app"}, seconds=600, backdated_seconds=60, key_id="k1", clock=clock
    )
    first, second = assertion.sign(), assertion.sign()
    now = clock.now_us() // 1_000_000

    claims = jwt.decode(
        first, rsa_key.public_key(), algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
    )
    assert jwt.get_unverified_header(first)["kid"] == "k1"
    assert (claims["iss"], claims["iat"], claims["exp"]) == ("app", now - 60, now + 600)
    assert first != second
    sent = SignedBearer(assertion).apply(call())
    assert SignedBearer(assertion).secrets(sent)[0] in (sent.header("Authorization") or "")


def test_keys_that_cannot_sign_are_refused_when_given(rsa_key: rsa.RSAPrivateKey, rsa_pem: str) -> None:
    public = rsa_key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    for key, algorithm in [(public, "RS256"), (rsa_pem, "ES384"), ("no key", "RS256"), (rsa_pem, "none")]:
        with pytest.raises(ValueError, match=r"key|signed") as caught:
            Assertion(key, algorithm=algorithm, claims={})
        assert "PRIVATE" not in str(caught.value)


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


@responses.activate
def test_a_refused_grant_does_not_tell_the_secret_that_was_in_its_body() -> None:
    said = {"error": "invalid_client", "error_description": "no client has the secret plain-secret-77"}
    responses.post("https://id.example/token", json=said, status=400)
    source = client_credentials(
        "https://id.example/token", "id", "plain-secret-77", in_body=True, session=requests.Session()
    )

    with pytest.raises(errors.AuthenticationFailed, match="no client has the secret") as caught:
        source.token()
    assert "plain-secret-77" not in f"{caught.value}{caught.value.call}"


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
