"""App credentials as calls to their provider get them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.errors import InvalidInput, NotFound
from gateway.installation import Installation
from gateway.oauth.app_credentials.app import load_app
from gateway.oauth.app_credentials.rows import require_app
from gateway.oauth.protocol.values import App
from gateway.tenants.acting import Acting, act
from tests.integration.oauth.apps import stored_app
from tests.services.acting import TESTER

# What is asked here is the same on every database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def acting(settings: Settings, fake_clock: FakeClock) -> Iterator[Acting]:
    public = replace(settings, base_url="https://gw.example.com/", allow_private_destinations=True)
    with Installation(public, clock=fake_clock) as installation, act(installation, actor=TESTER, write=True) as acting:
        yield acting


def load(acting: Acting, name: str = "apps", **parameters: str) -> App:
    return load_app(acting.session, acting.installation, require_app(acting.session, name), parameters=parameters)


def test_an_app_has_its_secrets_its_parameters_and_its_callback(acting: Acting) -> None:
    stored_app(acting)
    app = load(acting)
    assert (app.client_id, app.client_secret) == ("client-1", "shh-1")
    assert app.redirect_uri == "https://gw.example.com/oauth/github/callback"
    assert app.gateway_url == "https://gw.example.com"
    assert "shh-1" not in repr(app)


def test_parameters_of_a_connection_stand_over_those_of_the_app(acting: Acting) -> None:
    stored_app(acting, "shopify", parameters={})
    with pytest.raises(InvalidInput, match="shop is missing"):
        load(acting)
    assert load(acting, shop="acme.myshopify.com").parameters == {"shop": "acme"}
    stored_app(acting, "intercom", id="app_2", name="other")
    # What is completed already stays as it is: a choice's own word is not chosen again.
    for region in ("eu", "eu."):
        assert load(acting, "other", region=region).parameters == {"region": "eu."}


def test_who_connects_does_not_choose_the_server_that_gets_the_secret(acting: Acting) -> None:
    stored_app(acting, "keycloak", parameters={"base": "https://id.example.com", "realm": "staff"})
    app = load(acting, base="https://id.example.com")
    assert app.redirect_uri == "https://gw.example.com/oauth/keycloak/app_1/callback"
    with pytest.raises(InvalidInput, match="only the app credentials can say it"):
        load(acting, base="https://evil.example.com")


def test_a_server_on_this_machine_may_do_without_tls(acting: Acting) -> None:
    row = stored_app(acting, "oidc", parameters={"issuer": "http://127.0.0.1:9000"})
    assert load(acting).parameters == {"issuer": "http://127.0.0.1:9000"}
    row.parameters = {"issuer": "http://id.example.com"}
    with pytest.raises(InvalidInput, match="must begin with https"):
        load(acting)


def test_where_nobody_registers_the_entry_gives_the_client_id(acting: Acting) -> None:
    stored_app(acting, "home-assistant", parameters={"base": "https://ha.example.com"}, client_id="", secrets={})
    assert load(acting).client_id == "https://gw.example.com/"


def test_names_and_ids_are_found_and_others_are_suggested(acting: Acting) -> None:
    row = stored_app(acting)
    assert require_app(acting.session, row.id) is row
    with pytest.raises(NotFound) as raised:
        require_app(acting.session, "app")
    assert raised.value.hints[0].parameters == {"names": ["apps"]}


def test_an_entry_that_is_gone_is_said(acting: Acting) -> None:
    stored_app(acting, "nowhere")
    with pytest.raises(InvalidInput, match="no provider 'nowhere' any more"):
        load(acting)
