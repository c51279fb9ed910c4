"""A login from the first URL to the account, said to a strict provider on loopback."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from gateway.clock import SystemClock
from gateway.oauth.protocol.account import read_account
from gateway.oauth.protocol.authorization import authorization_url, new_verifier
from gateway.oauth.protocol.callbacks import check_callback, read_callback
from gateway.oauth.protocol.check import check
from gateway.oauth.protocol.device import DeviceLogin, begin, poll
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.errors import CallbackRefused, ProviderAnswerInvalid, ProviderRefused
from gateway.oauth.protocol.http import ProviderHttp
from gateway.oauth.protocol.id_tokens import verify
from gateway.oauth.protocol.sockets import ProviderSockets
from gateway.oauth.protocol.tokens import exchange_code
from gateway.oauth.protocol.values import App, Endpoints, Tokens
from gateway.outgoing.resolver import SystemResolver
from gateway.security.ssrf import AddressPolicy
from tests.services.oauth_entries import OPENID, PLAIN, app_at
from tests.services.oauth_provider import OAuthProvider

CLOCK = SystemClock()
SOCKETS = ProviderSockets(SystemResolver(), AddressPolicy(allow_private=True))
NONCE = "n0nce"


def agreed(server: OAuthProvider, app: App, found: Endpoints, http: ProviderHttp, verifier: str) -> str:
    """The callback's query."""
    authorize = app.oauth.authorize
    assert authorize is not None
    url = authorization_url(
        app,
        found,
        http,
        state="st4te",
        scopes=authorize.scopes,
        verifier=verifier,
        nonce=NONCE,
        now_us=CLOCK.now_us(),
    )
    return urlsplit(server.agree(url)).query


def tokens_of(server: OAuthProvider, app: App, found: Endpoints, http: ProviderHttp) -> Tokens:
    verifier = new_verifier()
    facts = read_callback(app.oauth, agreed(server, app, found, http, verifier))
    assert facts.state == "st4te"
    code = check_callback(app, found, facts)
    return exchange_code(app, found, http, code=code, verifier=verifier, kept=facts.kept, now_us=CLOCK.now_us())


def test_openid_from_discovery_to_the_account(oauth_server: OAuthProvider, http: ProviderHttp) -> None:
    app = app_at(oauth_server, OPENID)
    found = endpoints(app, http, CLOCK)
    tokens = tokens_of(oauth_server, app, found, http)
    assert tokens.id_token is not None
    claims = verify(app, found, http, CLOCK, id_token=tokens.id_token, nonce=NONCE, access_token=tokens.access_token)
    account = read_account(app, found, tokens, http, sockets=SOCKETS, claims=claims, now_us=CLOCK.now_us())
    assert (account.id, account.label) == ("user-1", "ada@example.org")
    secrets = {"access_token": tokens.access_token}
    assert check(app, found, http, sockets=SOCKETS, secrets=secrets, now_us=CLOCK.now_us()).works is True
    oauth_server.revoke_all()
    assert check(app, found, http, sockets=SOCKETS, secrets=secrets, now_us=CLOCK.now_us()).works is False


def test_rotated_keys_are_found(oauth_server: OAuthProvider, http: ProviderHttp) -> None:
    app = app_at(oauth_server, OPENID)
    found = endpoints(app, http, CLOCK)
    oauth_server.rotate_keys()
    id_token = tokens_of(oauth_server, app, found, http).id_token
    assert id_token is not None
    assert verify(app, found, http, CLOCK, id_token=id_token, nonce=NONCE)["sub"] == "user-1"


def test_a_nonce_of_another_login_is_refused(oauth_server: OAuthProvider, http: ProviderHttp) -> None:
    app = app_at(oauth_server, OPENID)
    found = endpoints(app, http, CLOCK)
    oauth_server.claims = {"nonce": "another"}
    id_token = tokens_of(oauth_server, app, found, http).id_token
    assert id_token is not None
    with pytest.raises(ProviderAnswerInvalid, match="nonce"):
        verify(app, found, http, CLOCK, id_token=id_token, nonce=NONCE)


def test_an_answer_without_the_promised_issuer_is_refused(oauth_server: OAuthProvider, http: ProviderHttp) -> None:
    app = app_at(oauth_server, OPENID)
    found = endpoints(app, http, CLOCK)
    assert found.sends_iss
    oauth_server.sends_iss = False
    with pytest.raises(CallbackRefused, match="promises"):
        tokens_of(oauth_server, app, found, http)


def test_a_person_says_no(oauth_server: OAuthProvider, http: ProviderHttp) -> None:
    app = app_at(oauth_server, PLAIN)
    oauth_server.denies = "access_denied"
    with pytest.raises(ProviderRefused, match="access_denied"):
        tokens_of(oauth_server, app, endpoints(app, http, CLOCK), http)


def test_a_pushed_request(oauth_server: OAuthProvider, http: ProviderHttp) -> None:
    app = app_at(oauth_server, OPENID)
    oauth_server.metadata = {"require_pushed_authorization_requests": True}
    found = endpoints(app, http, CLOCK)
    assert tokens_of(oauth_server, app, found, http).access_token
    assert len(oauth_server.at("/par")) == 1


def test_a_device(oauth_server: OAuthProvider, http: ProviderHttp) -> None:
    app = app_at(oauth_server, PLAIN)
    found = endpoints(app, http, CLOCK)
    login = begin(app, found, http, scopes=["read"], now_us=CLOCK.now_us())
    oauth_server.polls_to_slow_down = 1
    slower = poll(app, found, http, login, now_us=CLOCK.now_us())
    assert isinstance(slower, DeviceLogin)
    assert slower.interval_seconds == login.interval_seconds + 5
    assert poll(app, found, http, slower, now_us=CLOCK.now_us()) == slower
    oauth_server.approve_device(login.user_code)
    tokens = poll(app, found, http, slower, now_us=CLOCK.now_us())
    assert isinstance(tokens, Tokens)
    account = read_account(app, found, tokens, http, sockets=SOCKETS, now_us=CLOCK.now_us())
    assert account.id == "user-1"
