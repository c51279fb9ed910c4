"""OAuth 1.0a, against a server whose signatures are oauthlib's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from oauthlib.common import Request
from oauthlib.oauth1.rfc5849 import signature as oauthlib_signature

from gateway.clock import FakeClock
from gateway.oauth.protocol.account import read_account
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderError, ProviderRefused, ProviderUnavailable
from gateway.oauth.protocol.http import HttpAnswer, HttpRequest
from gateway.oauth.protocol.oauth1 import TokenPair, access_token, authorization_url, request_token, signer
from gateway.oauth.protocol.sockets import ProviderSockets
from gateway.oauth.protocol.values import App, Tokens
from gateway.outgoing.resolver import StaticResolver
from gateway.providers.oauth.model import RequestToken
from gateway.security.ssrf import AddressPolicy
from tests.services.for_each import for_each_row
from tests.services.keys import rsa_key
from tests.services.oauth_apps import GATEWAY_URL, Answers, app_of, as_json

REQUEST = "https://trello.com/1/OAuthGetRequestToken"
ACCESS = "https://trello.com/1/OAuthGetAccessToken"
PAIR = TokenPair(token="request-1", secret="r-s3cret")
GRANTED = b"oauth_token=request-1&oauth_token_secret=r-s3cret&oauth_callback_confirmed=true"


def said(request: HttpRequest) -> dict[str, str]:
    """The parameters of the header `Authorization`."""
    authorization = dict(request.headers)["Authorization"]
    parts = (part.strip().split("=", 1) for part in authorization.removeprefix("OAuth ").split(","))
    return {name: unquote(value.strip('"')) for name, value in parts}


def theirs(request: HttpRequest) -> Request:
    """The request as oauthlib verifies it."""
    made = Request(request.url, request.method)
    made.params = oauthlib_signature.collect_parameters(
        uri_query=urlsplit(request.url).query, headers={"Authorization": dict(request.headers)["Authorization"]}
    )
    made.signature = said(request)["oauth_signature"]
    return made


def verified(request: HttpRequest, token_secret: str = "") -> bool:
    made = oauthlib_signature.verify_hmac_sha1(
        theirs(request), client_secret="s3cret", resource_owner_secret=token_secret
    )
    return bool(made)


def own(signature: str, **changes: Any) -> App:
    app = app_of("trello", **changes)
    return replace(app, oauth=replace(app.oauth, request_token=RequestToken(REQUEST, signature)))


def test_a_request_token() -> None:
    answers = Answers({REQUEST: HttpAnswer(200, {}, GRANTED)})
    pair = request_token(app_of("trello"), answers, now_us=0)
    assert (pair.token, pair.secret) == ("request-1", "r-s3cret")
    assert "s3cret" not in repr(pair)
    request = answers.asked[0]
    assert (request.method, said(request)["oauth_callback"]) == ("POST", f"{GATEWAY_URL}/oauth/trello/callback")
    assert verified(request)
    assert not verified(replace(request, url=f"{REQUEST}?added=1"))


def test_where_the_person_is_sent() -> None:
    url, _, query = authorization_url(app_of("trello"), "request-1", scopes=["read", "write"]).partition("?")
    assert url == "https://trello.com/1/OAuthAuthorizeToken"
    assert dict(parse_qsl(query)) == {
        "oauth_token": "request-1",
        "scope": "read,write",
        "expiration": "never",
        "name": "Acme",
    }


def test_an_access_token_for_what_was_agreed() -> None:
    granted = b"oauth_token=acc3ss&oauth_token_secret=a-s3cret&user_id=7\n"
    answers = Answers({ACCESS: HttpAnswer(200, {}, granted)})
    tokens, secret = access_token(app_of("trello"), answers, request=PAIR, verifier="v3rifier", now_us=0)
    assert (tokens.access_token, tokens.refresh_token, secret) == ("acc3ss", None, "a-s3cret")
    assert tokens.document == {"user_id": "7"}
    request = answers.asked[0]
    assert (said(request)["oauth_token"], said(request)["oauth_verifier"]) == ("request-1", "v3rifier")
    assert verified(request, "r-s3cret")
    assert not verified(request, "another")


def test_the_account_is_asked_for_with_a_signature() -> None:
    url = "https://api.trello.com/1/members/me"
    app, answers = app_of("trello"), Answers({url: as_json({"id": "m1", "username": "ada"})})
    found = read_account(
        app,
        endpoints(app, answers, FakeClock()),
        Tokens(access_token="acc3ss"),
        answers,
        sockets=ProviderSockets(StaticResolver({}), AddressPolicy(allow_private=False)),
        token_secret="a-s3cret",
        now_us=0,
    )
    assert (found.id, found.label) == ("m1", "ada")
    assert verified(answers.asked[0], "a-s3cret")


def test_the_other_ways_to_sign() -> None:
    sha256 = Answers({REQUEST: HttpAnswer(200, {}, GRANTED)})
    request_token(own("HMAC-SHA256"), sha256, now_us=0)
    assert said(sha256.asked[0])["oauth_signature_method"] == "HMAC-SHA256"
    assert oauthlib_signature.verify_hmac_sha256(
        theirs(sha256.asked[0]), client_secret="s3cret", resource_owner_secret=""
    )
    pem = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    rsa = Answers({REQUEST: HttpAnswer(200, {}, GRANTED)})
    request_token(own("RSA-SHA1", secrets={"private_key": pem}), rsa, now_us=0)
    public = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert oauthlib_signature.verify_rsa_sha1(theirs(rsa.asked[0]), public)
    plain = Answers({REQUEST: HttpAnswer(200, {}, GRANTED)})
    request_token(own("PLAINTEXT"), plain, now_us=0)
    assert said(plain.asked[0])["oauth_signature"] == "s3cret&"
    with pytest.raises(ValueError, match="RSA-SHA1 takes rsa_key"):
        signer(own("RSA-SHA1"))


@for_each_row(
    ("answer", "error"),
    [
        (HttpAnswer(401, {}, b"oauth_problem=signature_invalid"), ProviderRefused),
        (HttpAnswer(500, {}, b""), ProviderUnavailable),
        (HttpAnswer(429, {}, b""), ProviderUnavailable),
        (ProviderUnavailable("no answer"), ProviderUnavailable),
        (HttpAnswer(200, {}, b""), ProviderAnswerInvalid),
        (HttpAnswer(200, {}, b"<html>"), ProviderAnswerInvalid),
        (HttpAnswer(200, {}, b"\xff"), ProviderAnswerInvalid),
        (HttpAnswer(200, {}, b"oauth_token=%ff&oauth_token_secret=b"), ProviderAnswerInvalid),
        (HttpAnswer(200, {}, b"a=1&" * 200), ProviderAnswerInvalid),
        (HttpAnswer(200, {}, b"oauth_token=a&oauth_callback_confirmed=true"), ProviderAnswerInvalid),
        (HttpAnswer(200, {}, b"oauth_token=a%0Ab&oauth_token_secret=c"), ProviderAnswerInvalid),
        (HttpAnswer(200, {}, b"oauth_token=a&oauth_token_secret=b"), ProviderAnswerInvalid),
        (
            HttpAnswer(200, {}, b"oauth_token=a&oauth_token_secret=b&oauth_callback_confirmed=false"),
            ProviderAnswerInvalid,
        ),
    ],
)
def test_what_is_no_request_token(answer: object, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        request_token(app_of("trello"), Answers({REQUEST: answer}), now_us=0)
