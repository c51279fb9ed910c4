"""Credentials that are more than a constant, held against signers and verifiers of others."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import requests
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.clients import errors
from gateway.clients.auth.oauth1 import OAuth1
from gateway.clients.auth.signed import AwsSigV4
from gateway.clients.auth.tokens import (
    Assertion,
    SignedBearer,
    client_credentials,
)
from gateway.clients.values import Call
from gateway.clock import FakeClock
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
