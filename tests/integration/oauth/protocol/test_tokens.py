"""Token requests against a provider that is strict: what it gives, and what it does not."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from joserfc.jwk import RSAKey

from gateway.clock import FakeClock
from gateway.oauth.protocol import tokens
from gateway.oauth.protocol.authorization import authorization_url, new_verifier
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderRefused, ProviderUnavailable
from gateway.oauth.protocol.http import ProviderHttp
from gateway.oauth.protocol.revocation import revoke
from gateway.oauth.protocol.values import App, Tokens
from tests.services.keys import rsa_key
from tests.services.oauth_authority import CLIENT_SECRET
from tests.services.oauth_entries import OPENID, PLAIN, app_at
from tests.services.oauth_provider import REVOKE, TOKEN, OAuthProvider


class Side:
    """An app with what its calls need, by a clock that stands still."""

    def __init__(self, server: OAuthProvider, http: ProviderHttp, app: App) -> None:
        self.server, self.http, self.app = server, http, app
        self.clock = server.clock = FakeClock()
        self.endpoints = endpoints(app, http, self.clock)
        self.now_us = self.clock.now_us()

    def connect(self, *scopes: str) -> Tokens:
        verifier = new_verifier()
        url = authorization_url(
            self.app,
            self.endpoints,
            self.http,
            state="s",
            scopes=scopes,
            verifier=verifier,
            nonce=None,
            now_us=self.now_us,
        )
        code = parse_qs(urlsplit(self.server.agree(url)).query)["code"][0]
        return tokens.exchange_code(
            self.app, self.endpoints, self.http, code=code, verifier=verifier, now_us=self.now_us
        )

    def refresh(self, secrets: dict[str, str]) -> Tokens:
        return tokens.refresh(self.app, self.endpoints, self.http, secrets=secrets, kept={}, now_us=self.now_us)


def secrets_of(given: Tokens) -> dict[str, str]:
    assert given.refresh_token is not None
    return {"access_token": given.access_token, "refresh_token": given.refresh_token}


@pytest.fixture
def side(oauth_server: OAuthProvider, http: ProviderHttp) -> Side:
    return Side(oauth_server, http, app_at(oauth_server))


@pytest.mark.parametrize("kind", [PLAIN, OPENID])
def test_a_code_becomes_tokens_that_are_refreshed_and_revoked(
    oauth_server: OAuthProvider, http: ProviderHttp, kind: str
) -> None:
    side = Side(oauth_server, http, app_at(oauth_server, kind))
    first = side.connect("openid", "read")
    assert (first.scopes, first.token_type) == (("openid", "read"), "Bearer")
    assert first.expires_at_us == side.now_us + 3600 * 1_000_000
    assert first.id_token is not None
    second = side.refresh(secrets_of(first))
    assert second.access_token != first.access_token
    assert second.refresh_token != first.refresh_token
    assert revoke(
        side.app,
        side.endpoints,
        http,
        secrets=secrets_of(second),
        kept={},
        account_id=None,
        now_us=side.now_us,
    )
    assert [heard.form["token_type_hint"] for heard in oauth_server.at(REVOKE)] == ["refresh_token", "access_token"]
    with pytest.raises(ProviderRefused) as caught:
        side.refresh(secrets_of(second))
    assert caught.value.error == "invalid_grant"


def test_a_refresh_that_gives_no_new_refresh_token(side: Side) -> None:
    side.server.rotates = False
    assert side.refresh(secrets_of(side.connect("read"))).refresh_token is None


def test_the_redirect_uri_is_the_one_that_was_told(side: Side) -> None:
    side.connect("read")
    assert side.server.granted("authorization_code")[0].form["redirect_uri"] == side.app.redirect_uri


def test_a_token_of_the_app_itself(side: Side) -> None:
    given = tokens.client_credentials(side.app, side.endpoints, side.http, now_us=side.now_us)
    assert (given.scopes, given.refresh_token) == (("read",), None)
    asked = tokens.client_credentials(side.app, side.endpoints, side.http, scopes=("a", "b"), now_us=side.now_us)
    assert asked.scopes == ("a", "b")


RSA = RSAKey.import_key(rsa_key(), {"kid": "of-the-app"})


def test_a_service_account(side: Side) -> None:
    side.server.assertion_key = RSA.as_dict(private=False)
    given = tokens.jwt_bearer(
        side.app,
        side.endpoints,
        side.http,
        subject="robot@example.org",
        key=RSA.as_pem(private=True).decode(),
        scopes=("read",),
        now_us=side.now_us,
    )
    grant = side.server.bearer(f"Bearer {given.access_token}")
    assert grant is not None
    assert grant.subject == "robot@example.org"


def test_an_app_that_proves_itself_by_a_key(oauth_server: OAuthProvider, http: ProviderHttp) -> None:
    key = orjson.dumps(RSA.as_dict(private=True)).decode()
    token = {"url": "{base}/token", "authentication": "private_key_jwt"}
    app = app_at(oauth_server, token=token, app={"secrets": {"private_key": key}})
    oauth_server.assertion_key = RSA.as_dict(private=False)
    side = Side(oauth_server, http, app)
    assert side.connect("read").access_token
    side.refresh(secrets_of(side.connect("read")))
    assertions = [heard.form["client_assertion"] for heard in oauth_server.at(TOKEN)]
    assert len(set(assertions)) == 3


def test_a_wrong_secret_is_told_apart_from_a_broken_grant(side: Side) -> None:
    secrets = secrets_of(side.connect("read"))
    side.server.client_secret = "another"
    with pytest.raises(ProviderRefused) as caught:
        side.refresh(secrets)
    assert caught.value.error == "invalid_client"


def test_an_answer_that_is_lost_may_have_taken_effect(side: Side) -> None:
    secrets = secrets_of(side.connect("read"))
    side.server.lose_answers()
    with pytest.raises(ProviderUnavailable) as caught:
        side.refresh(secrets)
    assert caught.value.was_sent
    with pytest.raises(ProviderRefused):
        side.refresh(secrets)


@pytest.mark.parametrize(("status", "was_sent"), [(429, False), (503, True), (500, True)])
def test_a_provider_that_asks_for_patience(side: Side, status: int, was_sent: bool) -> None:
    secrets = secrets_of(side.connect("read"))
    side.server.answer_next(TOKEN, status, {"error": "slow_down"}, {"Retry-After": "17"})
    with pytest.raises(ProviderUnavailable, match=rf"{status} \(slow_down\)") as caught:
        side.refresh(secrets)
    assert (caught.value.retry_after_seconds, caught.value.was_sent) == (17, was_sent)


def test_a_redirect_from_the_token_endpoint_takes_no_secret_anywhere(side: Side) -> None:
    secrets = secrets_of(side.connect("read"))
    side.server.answer_next(TOKEN, 307, b"", {"Location": f"{side.server.url}/elsewhere"})
    with pytest.raises(ProviderAnswerInvalid):
        side.refresh(secrets)
    assert side.server.at("/elsewhere") == []


def test_no_error_repeats_what_was_sent(side: Side) -> None:
    secrets = secrets_of(side.connect("read"))
    said = f"the token {secrets['refresh_token']} of {CLIENT_SECRET} is not good"
    side.server.answer_next(TOKEN, 400, {"error": "invalid_grant", "error_description": said})
    with pytest.raises(ProviderRefused, match=r"the token .* of .* is not good") as caught:
        side.refresh(secrets)
    shown = f"{caught.value} {caught.value!r} {caught.value.description}"
    assert secrets["refresh_token"] not in shown
    assert CLIENT_SECRET not in shown


def test_nothing_shows_a_token(side: Side) -> None:
    given = side.connect("openid", "read")
    assert not {given.access_token, given.refresh_token, given.id_token} & set(repr(given).replace("'", " ").split())
    assert CLIENT_SECRET not in repr(side.app)
