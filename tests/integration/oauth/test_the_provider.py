"""The provider that the tests of this wing talk to, asked as a client by hand would."""

from __future__ import annotations

import base64
import hashlib
import threading
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from gateway.clock import FakeClock
from tests.services.oauth_authority import CLIENT_ID, CLIENT_SECRET
from tests.services.oauth_entries import OPENID, PLAIN, loaded
from tests.services.oauth_provider import DISCOVERY, JWKS, REVOKE, TOKEN, OAuthProvider

BACK = "https://gateway.example/back"
VERIFIER = "v" * 43
BASIC = (quote_plus(CLIENT_ID), quote_plus(CLIENT_SECRET))


@pytest.fixture
def provider(oauth_server: OAuthProvider, fake_clock: FakeClock) -> OAuthProvider:
    oauth_server.clock = fake_clock
    return oauth_server


def code(provider: OAuthProvider, scope: str = "openid read") -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    asked = {"client_id": CLIENT_ID, "redirect_uri": BACK, "scope": scope, "state": "s", "nonce": "n"}
    asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    said = parse_qs(urlsplit(provider.agree(f"{provider.url}/authorize?{urlencode(asked)}")).query)
    assert (said["state"], said["iss"]) == (["s"], [provider.issuer])
    return said["code"][0]


def exchange(provider: OAuthProvider, code: str, **fields: str) -> requests.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    return requests.post(provider.url + TOKEN, form | fields, auth=BASIC, timeout=5)


def refresh(provider: OAuthProvider, token: str) -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return requests.post(provider.url + TOKEN, form, auth=BASIC, timeout=5).json()


def test_a_code_is_good_once_and_using_it_again_ends_what_came_of_it(provider: OAuthProvider) -> None:
    given = code(provider)
    tokens = exchange(provider, given).json()
    me = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert requests.get(f"{provider.url}/api/me", headers=me, timeout=5).json()["id"] == "user-1"
    assert exchange(provider, given).json()["error"] == "invalid_grant"
    assert requests.get(f"{provider.url}/api/me", headers=me, timeout=5).status_code == 401


def test_a_verifier_or_a_secret_that_is_wrong_is_refused(provider: OAuthProvider) -> None:
    assert exchange(provider, code(provider), code_verifier="w" * 43).json()["error"] == "invalid_grant"
    wrong = requests.post(provider.url + TOKEN, {"grant_type": "client_credentials"}, auth=("x", "y"), timeout=5)
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")


def test_an_id_token_is_signed_with_a_published_key(provider: OAuthProvider) -> None:
    provider.rotate_keys()
    token = exchange(provider, code(provider)).json()["id_token"]
    keys = KeySet.import_key_set(requests.get(provider.url + JWKS, timeout=5).json())
    assert jwt.decode(token, keys).claims["nonce"] == "n"
    metadata = requests.get(provider.url + DISCOVERY, timeout=5).json()
    assert metadata["jwks_uri"] == provider.url + JWKS


def test_showing_a_rotated_refresh_token_again_ends_the_family(provider: OAuthProvider) -> None:
    first = exchange(provider, code(provider)).json()["refresh_token"]
    second = refresh(provider, first)["refresh_token"]
    assert refresh(provider, first)["error"] == "invalid_grant"
    assert refresh(provider, second)["error"] == "invalid_grant"
    assert len(provider.granted("refresh_token")) == 3


def test_tokens_end(provider: OAuthProvider, fake_clock: FakeClock) -> None:
    header = f"Bearer {exchange(provider, code(provider)).json()['access_token']}"
    assert provider.bearer(header) is not None
    fake_clock.advance(3601)
    assert provider.bearer(header) is None


def test_revoking_one_token_ends_the_grant(provider: OAuthProvider) -> None:
    tokens = exchange(provider, code(provider)).json()
    requests.post(provider.url + REVOKE, {"token": tokens["refresh_token"]}, auth=BASIC, timeout=5)
    assert refresh(provider, tokens["refresh_token"])["error"] == "invalid_grant"


def test_answers_are_lost_canned_and_held(provider: OAuthProvider) -> None:
    provider.lose_answers()
    given = code(provider)
    with pytest.raises(requests.ConnectionError):
        exchange(provider, given)
    assert provider.codes[given].is_spent
    provider.answer_next(TOKEN, 503, b"<html>", {"Retry-After": "7"})
    assert exchange(provider, code(provider)).headers["Retry-After"] == "7"
    answers: list[requests.Response] = []
    with provider.held() as held:
        thread = threading.Thread(target=lambda: answers.append(exchange(provider, code(provider))))
        thread.start()
        held.await_arrival()
        assert not answers
        held.release()
        thread.join(10)
    assert answers[0].status_code == 200


def test_it_is_an_entry_of_the_catalogue(provider: OAuthProvider) -> None:
    plain, openid = loaded(provider, PLAIN), loaded(provider, OPENID, refresh={"style": "static"})
    assert plain.oauth is not None
    assert plain.oauth.parameters["base"].default == provider.url
    assert openid.oauth is not None
    assert openid.oauth.refresh.style == "static"
