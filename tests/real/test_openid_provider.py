"""Our side of the protocol against a certified OpenID Provider: whole logins, refreshes, revocation, devices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import RSAAlgorithm

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
from gateway.oauth.protocol.revocation import revoke
from gateway.oauth.protocol.sockets import ProviderSockets
from gateway.oauth.protocol.tokens import exchange_code, refresh
from gateway.oauth.protocol.values import App, Endpoints, Tokens
from gateway.outgoing.resolver import SystemResolver
from gateway.security.ssrf import AddressPolicy
from tests.real.openid_provider import OpenIdProvider
from tests.real.servers import named
from tests.services.keys import rsa_key
from tests.services.oauth_apps import app_of

FOLDER = named("GATEWAY_TEST_OPENID_PROVIDER", "openid-provider")
CALLBACK = "https://gateway.example.org/oauth/oidc/callback"
# What only a form-encoded Basic header carries whole (RFC 6749, 2.3.1).
SECRET = "s3cret: with+all% of&it=~"
NONCE = "n0nce"
CLOCK = SystemClock()
POLICY = AddressPolicy(allow_private=True)
SOCKETS = ProviderSockets(SystemResolver(), POLICY)
GRANTS = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]


@dataclass(frozen=True)
class Login:
    """What came of one."""

    app: App
    found: Endpoints
    tokens: Tokens

    @property
    def secrets(self) -> dict[str, str]:
        assert self.tokens.refresh_token is not None
        return {"access_token": self.tokens.access_token, "refresh_token": self.tokens.refresh_token}


def client(name: str, authentication: str, **more: object) -> dict[str, object]:
    return {
        "client_id": name,
        "redirect_uris": [CALLBACK],
        "grant_types": GRANTS,
        "response_types": ["code"],
        "token_endpoint_auth_method": authentication,
        **more,
    }


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIdProvider]:
    public = json.loads(RSAAlgorithm.to_jwk(rsa_key().public_key())) | {"use": "sig", "alg": "RS256"}
    clients = [
        client("basic: of+the tests", "client_secret_basic", client_secret=SECRET),
        client("post", "client_secret_post", client_secret=SECRET),
        client("key", "private_key_jwt", jwks={"keys": [public]}),
        client("public", "none"),
        client("pushing", "client_secret_basic", client_secret=SECRET, require_pushed_authorization_requests=True),
    ]
    made = OpenIdProvider(FOLDER, clients, tmp_path_factory.mktemp("openid-provider") / "output.log")
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.fixture(scope="module")
def http() -> Iterator[ProviderHttp]:
    made = ProviderHttp(SystemResolver(), POLICY)
    yield made
    made.close()


def app_at(provider: OpenIdProvider, name: str = "basic: of+the tests", **changes: object) -> App:
    pem = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    secrets = {"key": {"private_key": pem}, "public": {}}.get(name, {"client_secret": SECRET})
    app = app_of("oidc", client_id=name, secrets=secrets, parameters={"issuer": provider.issuer}, redirect_uri=CALLBACK)
    return replace(app, **changes)  # type: ignore[arg-type]


def logged_in(provider: OpenIdProvider, http: ProviderHttp, app: App, found: Endpoints) -> Login:
    """From the first URL to the tokens."""
    verifier = new_verifier()
    url = authorization_url(
        app,
        found,
        http,
        state="st4te",
        scopes=["openid", "email"],
        verifier=verifier,
        nonce=NONCE,
        now_us=CLOCK.now_us(),
    )
    facts = read_callback(app.oauth, urlsplit(provider.log_in(url, CALLBACK)).query)
    assert facts.state == "st4te"
    code = check_callback(app, found, facts)
    return Login(app, found, exchange_code(app, found, http, code=code, verifier=verifier, now_us=CLOCK.now_us()))


def test_a_login_says_who_it_is_and_works(provider: OpenIdProvider, http: ProviderHttp) -> None:
    app = app_at(provider)
    found = endpoints(app, http, CLOCK)
    assert found.sends_iss
    login = logged_in(provider, http, app, found)
    tokens = login.tokens
    assert tokens.id_token is not None
    claims = verify(app, found, http, CLOCK, id_token=tokens.id_token, nonce=NONCE, access_token=tokens.access_token)
    assert "at_hash" not in claims or claims["at_hash"]
    account = read_account(app, found, tokens, http, sockets=SOCKETS, claims=claims, now_us=CLOCK.now_us())
    # The e-mail address is in userinfo, and not in the ID token of a code flow.
    assert "email" not in claims
    assert (account.id, account.label) == ("ada", "ada@example.org")
    assert set(tokens.scopes or ()) == {"openid", "email", "offline_access"}
    assert check(app, found, http, sockets=SOCKETS, secrets=login.secrets, now_us=CLOCK.now_us()).works is True
    with pytest.raises(ProviderAnswerInvalid, match="nonce"):
        verify(app, found, http, CLOCK, id_token=tokens.id_token, nonce="another")
    other = replace(app, client_id="post")
    with pytest.raises(ProviderAnswerInvalid, match="its aud is wrong"):
        verify(other, found, http, CLOCK, id_token=tokens.id_token, nonce=NONCE)


@pytest.mark.parametrize(
    ("name", "way"),
    [("post", "client_secret_post"), ("key", "private_key_jwt"), ("public", "none")],
)
def test_every_way_of_client_authentication(provider: OpenIdProvider, http: ProviderHttp, name: str, way: str) -> None:
    app = app_at(provider, name)
    login = logged_in(provider, http, app, replace(endpoints(app, http, CLOCK), token_authentication=way))
    assert refresh(app, login.found, http, secrets=login.secrets, kept={}, now_us=CLOCK.now_us()).access_token


def test_the_metadata_choose_the_way_for_what_an_app_has(provider: OpenIdProvider, http: ProviderHttp) -> None:
    for name, way in (("post", "client_secret_basic"), ("key", "private_key_jwt"), ("public", "none")):
        assert endpoints(app_at(provider, name), http, CLOCK).token_authentication == way


def test_a_wrong_secret_is_refused(provider: OpenIdProvider, http: ProviderHttp) -> None:
    app = app_at(provider, secrets={"client_secret": "another"})
    with pytest.raises(ProviderRefused, match="invalid_client"):
        logged_in(provider, http, app, endpoints(app, http, CLOCK))


def test_a_pushed_request(provider: OpenIdProvider, http: ProviderHttp) -> None:
    app = app_at(provider, "pushing")
    found = endpoints(app, http, CLOCK)
    assert found.pushed is None
    pushing = replace(found, pushed=f"{provider.issuer}/request")
    assert logged_in(provider, http, app, pushing).tokens.id_token


def test_refresh_tokens_rotate_and_one_that_was_used_ends_the_grant(
    provider: OpenIdProvider, http: ProviderHttp
) -> None:
    app = app_at(provider)
    login = logged_in(provider, http, app, endpoints(app, http, CLOCK))
    newer = refresh(app, login.found, http, secrets=login.secrets, kept={}, now_us=CLOCK.now_us())
    assert newer.refresh_token not in (None, login.tokens.refresh_token)
    assert newer.access_token != login.tokens.access_token
    with pytest.raises(ProviderRefused, match="invalid_grant"):
        refresh(app, login.found, http, secrets=login.secrets, kept={}, now_us=CLOCK.now_us())
    after = {"access_token": newer.access_token, "refresh_token": newer.refresh_token or ""}
    with pytest.raises(ProviderRefused, match="invalid_grant"):
        refresh(app, login.found, http, secrets=after, kept={}, now_us=CLOCK.now_us())


def test_a_code_is_good_once(provider: OpenIdProvider, http: ProviderHttp) -> None:
    app, verifier = app_at(provider), new_verifier()
    found = endpoints(app, http, CLOCK)
    url = authorization_url(
        app, found, http, state="s", scopes=["openid"], verifier=verifier, nonce=NONCE, now_us=CLOCK.now_us()
    )
    facts = read_callback(app.oauth, urlsplit(provider.log_in(url, CALLBACK)).query)
    code = check_callback(app, found, facts)
    exchange_code(app, found, http, code=code, verifier=verifier, now_us=CLOCK.now_us())
    with pytest.raises(ProviderRefused, match="invalid_grant"):
        exchange_code(app, found, http, code=code, verifier=verifier, now_us=CLOCK.now_us())
    with pytest.raises(CallbackRefused, match="iss"):
        check_callback(app, replace(found, issuer="https://id.example.org"), facts)


def test_a_verifier_of_another_login_gets_nothing(provider: OpenIdProvider, http: ProviderHttp) -> None:
    app = app_at(provider)
    found = endpoints(app, http, CLOCK)
    url = authorization_url(
        app, found, http, state="s", scopes=["openid"], verifier=new_verifier(), nonce=NONCE, now_us=CLOCK.now_us()
    )
    code = check_callback(app, found, read_callback(app.oauth, urlsplit(provider.log_in(url, CALLBACK)).query))
    with pytest.raises(ProviderRefused, match="invalid_grant"):
        exchange_code(app, found, http, code=code, verifier=new_verifier(), now_us=CLOCK.now_us())


def test_what_is_revoked_works_no_more(provider: OpenIdProvider, http: ProviderHttp) -> None:
    app = app_at(provider)
    login = logged_in(provider, http, app, endpoints(app, http, CLOCK))
    revoke(app, login.found, http, secrets=login.secrets, kept={}, account_id="ada", now_us=CLOCK.now_us())
    assert check(app, login.found, http, sockets=SOCKETS, secrets=login.secrets, now_us=CLOCK.now_us()).works is False
    with pytest.raises(ProviderRefused, match="invalid_grant"):
        refresh(app, login.found, http, secrets=login.secrets, kept={}, now_us=CLOCK.now_us())


def test_a_login_that_needs_a_person_who_is_not_asked(provider: OpenIdProvider, http: ProviderHttp) -> None:
    app = app_at(provider)
    found = endpoints(app, http, CLOCK)
    url = authorization_url(
        app,
        found,
        http,
        state="s",
        scopes=["openid"],
        verifier=new_verifier(),
        nonce=NONCE,
        extra={"prompt": "none"},
        now_us=CLOCK.now_us(),
    )
    facts = read_callback(app.oauth, urlsplit(provider.log_in(url, CALLBACK)).query)
    with pytest.raises(ProviderRefused, match="login_required"):
        check_callback(app, found, facts)


def test_a_device(provider: OpenIdProvider, http: ProviderHttp) -> None:
    app = app_at(provider)
    found = endpoints(app, http, CLOCK)
    login = begin(app, found, http, scopes=["openid", "email"], now_us=CLOCK.now_us())
    assert isinstance(poll(app, found, http, login, now_us=CLOCK.now_us()), DeviceLogin)
    assert login.whole_address is not None
    provider.enter_code(login.whole_address)
    tokens = poll(app, found, http, login, now_us=CLOCK.now_us())
    assert isinstance(tokens, Tokens)
    assert tokens.id_token is not None
    # No browser of ours carried a nonce.
    claims = verify(app, found, http, CLOCK, id_token=tokens.id_token, nonce=None, access_token=tokens.access_token)
    assert claims["sub"] == "ada"
