"""What the catalogue knows of OAuth: how many providers have each peculiarity, and that each can be read to its end.

The numbers are those of the facts as they were gathered: an entry that loses a peculiarity, or gains one, is seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from gateway.errors import NotFound
from gateway.providers import Provider, catalogue, find_by_any_name, search_providers
from gateway.providers.oauth.hosts import chooses_server, host_of, kept_fault, leading, url_fault
from gateway.providers.oauth.model import OAuth
from gateway.providers.oauth.parameters import completed
from gateway.providers.oauth.parts import Kept
from gateway.providers.oauth.soundness import templates, urls
from gateway.providers.oauth.templates import filled_all, named, url_of
from tests.services.for_each import for_each

CONNECTED: Mapping[str, OAuth] = {name: one.oauth for name, one in catalogue().items() if one.oauth is not None}
EVERY = tuple(CONNECTED.values())

# What an operator would type, for parameters without a default.
TYPED = {
    "issuer": "https://id.example.org/realm",
    "base": "https://server.example.org/path",
    "realm": "main",
    "domain": "acme.example.org",
    "subdomain": "acme",
    "shop": "acme.myshopify.com",
    "instance_id": "11111111-2222",
    "tld": "co.uk",
    "ru_name": "Acme-Acme-App-abcd",
    "app_name": "Acme",
    "user_agent": "Acme (ops@acme.example)",
}
TOLD = {"dc": "us19", "context": "stores/abc123"}


def test_everyone_is_there() -> None:
    assert len(EVERY) == 102
    assert Counter(one.kind for one in EVERY) == {"oauth2": 86, "oidc": 15, "oauth1": 1}
    assert sum(not (one.sends_webhooks or one.api) for one in catalogue().values() if one.oauth) == 50
    assert Counter(one.evidence.level for one in EVERY) == {"docs": 19, "secondary": 65, "single": 16, "run": 2}
    assert all(one.evidence.by for one in EVERY)
    assert sum(bool(one.quirks) for one in EVERY) == 54


def test_names_under_which_people_look_for_them_are_nobody_else_s() -> None:
    others = [name for one in EVERY for name in one.also]
    assert len(others) == len(set(others)) == 11
    assert not set(others) & catalogue().keys()
    assert find_by_any_name(catalogue(), "microsoft").id == "microsoft-graph"
    assert find_by_any_name(catalogue(), "microsoft-graph").id == "microsoft-graph"
    assert [one.id for one in search_providers(catalogue(), text="facebook")] == ["meta"]
    with pytest.raises(NotFound, match="has no provider 'microsof'"):
        find_by_any_name(catalogue(), "microsof")


def test_asking() -> None:
    authorize = [one.authorize for one in EVERY if one.authorize is not None]
    assert len(authorize) == 101
    assert Counter(one.pkce for one in authorize) == {
        "unknown": 69,
        "supported": 19,
        "avoid": 9,
        "required": 3,
        "unsupported": 1,
    }
    assert sum(one.sends_pkce for one in authorize) == 91
    assert sum(one.scope_separator == "," for one in authorize) == 14
    assert sum(bool(one.parameters) for one in authorize) == 16
    assert sum(one.url is None for one in authorize) == 1
    assert sum(one.discovery is not None for one in EVERY) == 13
    assert names(lambda one: one.authorize is not None and one.authorize.client_id_parameter != "client_id") == {
        "tiktok"
    }
    assert names(lambda one: one.authorize is not None and bool(one.authorize.omit)) == {"monday"}
    assert names(lambda one: one.authorize is not None and bool(one.authorize.user_scopes_parameter)) == {"slack"}
    assert names(lambda one: one.authorize is not None and bool(one.authorize.optional_scopes_parameter)) == {"hubspot"}
    assert names(lambda one: one.authorize is not None and bool(one.authorize.known_scopes)) == {"heroku"}
    assert names(lambda one: one.redirect_uri is not None) == {"ebay"}
    assert names(lambda one: one.client.registration == "indieauth") == {"home-assistant"}
    assert names(lambda one: one.request_token is not None) == {"trello"}
    assert names(lambda one: bool(one.issuer.claims)) == {"microsoft-graph"}
    assert names(lambda one: "device_code" in one.grants) == {"github", "google"}
    assert names(lambda one: "jwt_bearer" in one.grants) == {"salesforce"}
    assert names(lambda one: "client_credentials" in one.grants) == {"wix"}


def test_parameters_that_choose_hosts() -> None:
    parameters = [one for oauth in EVERY for one in oauth.parameters.values()]
    assert sum(bool(one.parameters) for one in EVERY) == 32
    assert sum(one.kind == "url" for one in parameters) == 9
    assert sum(bool(one.choices) for one in parameters) == 9
    assert sum(bool(one.suffix) for one in parameters) == 4
    assert names(chooses_server) == {
        "auth0",
        "gitea",
        "gitlab",
        "home-assistant",
        "keycloak",
        "mastodon",
        "mattermost",
        "nextcloud",
        "oidc",
        "okta",
        "salesforce",
        "sentry",
    }


def test_exchanges_and_their_answers() -> None:
    assert Counter(one.token.authentication for one in EVERY) == {
        "client_secret_post": 71,
        "client_secret_basic": 27,
        "none": 2,
        "secret_only": 1,
        "discovered": 1,
    }
    assert names(lambda one: one.token.format == "json") == {"notion", "square", "wix"}
    assert sum(bool(one.token.parameters) for one in EVERY) == 6
    assert sum(bool(one.token.headers) for one in EVERY) == 2
    answers = {name: one.answer for name, one in CONNECTED.items()}
    assert {name for name, one in answers.items() if one.error_in_success} == {"github", "slack", "withings"}
    assert {name for name, one in answers.items() if one.ok is not None} == {"slack", "withings"}
    assert {name for name, one in answers.items() if one.root is not None} == {"withings"}
    assert {name for name, one in answers.items() if one.second_token is not None} == {"slack"}
    assert {name for name, one in answers.items() if one.expires_at is not None} == {"strava"}
    assert {name for name, one in answers.items() if one.scope_is_array} == {"twitch"}
    assert {name for name, one in answers.items() if one.scope_field != "scope"} == {"bitbucket-cloud"}
    assert sum(one.scope_separator == "," for one in answers.values()) == 3
    assert Counter(one.expires for one in answers.values()) == {
        "seconds": 89,
        "missing": 8,
        "may_be_missing": 3,
        "missing_or_zero": 1,
        "absolute_iso": 1,
    }
    assert sum(bool(one.keep) for one in answers.values()) == 16


def test_callbacks_and_what_comes_right_after() -> None:
    assert names(lambda one: bool(one.callback.keep)) == {"bigcommerce", "quickbooks", "shopify", "zoho"}
    assert names(lambda one: one.callback.scope is not None) == {"bigcommerce", "strava"}
    assert names(lambda one: one.callback.signature is not None) == {"shopify"}
    after = {name: one.after_exchange for name, one in CONNECTED.items() if one.after_exchange is not None}
    assert after.keys() == {"basecamp", "docusign", "instagram", "jira", "mailchimp", "xero"}
    assert {name for name, one in after.items() if one.replaces_token} == {"instagram"}
    assert sum(one.choose is not None for one in after.values()) == 4
    accounts = Counter(one.account.source for one in EVERY if one.account is not None)
    assert accounts == {
        "api": 54,
        "token": 10,
        "id_token": 9,
        "callback": 3,
        "graphql": 2,
        "websocket": 1,
        "introspection": 1,
        "token_prefix": 1,
        "parameter": 1,
    }


def test_renewing_and_ending() -> None:
    assert Counter(one.refresh.style for one in EVERY) == {
        "unknown": 15 + 28,
        "rotating": 19,
        "maybe_rotating": 10,
        "none": 9,
        "static": 9,
        "server_setting": 3,
        "exchange": 2,
        "none_or_rotating": 2,
        "none_needed": 1,
        "none_or_unknown": 1,
        "partners_only": 1,
        "rotating_lenient": 1,
        "static_or_rotating": 1,
    }
    assert sum(not one.refresh.is_possible for one in EVERY) == 10
    assert sum(one.refresh.is_single_use for one in EVERY) == 21
    assert names(lambda one: one.refresh.swaps_access_token) == {"instagram", "meta"}
    assert sum(bool(one.refresh.needs.scopes or one.refresh.needs.parameters) for one in EVERY) == 19
    assert sum(bool(one.refresh.parameters) for one in EVERY) == 6
    assert sum(one.refresh.lifetime_seconds is not None for one in EVERY) == 15
    assert {name: one.refresh.lifetime_field for name, one in CONNECTED.items() if one.refresh.lifetime_field} == {
        "quickbooks": "x_refresh_token_expires_in",
        "shopify": "refresh_token_expires_in",
        "tiktok": "refresh_expires_in",
    }
    idle = {name: one.refresh.idle_seconds for name, one in CONNECTED.items() if one.refresh.idle_seconds}
    assert idle == {"jira": 7_776_000}
    assert names(lambda one: one.refresh.grace_seconds is not None) == {"okta"}
    assert names(lambda one: one.refresh.last_seconds is not None) == {"exact-online"}
    assert names(lambda one: one.refresh.url is not None) == {"figma"}
    assert Counter(one.revoke.style for one in EVERY if one.revoke is not None) == {
        "rfc7009": 14,
        "bearer": 3,
        "json": 3,
        "token_only": 3,
        "form": 1,
        "json_or_form": 1,
        "none": 1,
        "token_and_client_id": 1,
        "token_and_client_secret": 1,
    }
    assert names(lambda one: one.introspection is not None) == {"hubspot", "notion", "salesforce"}
    lives = [one.access_lifetime for one in EVERY]
    assert sum(one.never for one in lives) == 6
    assert sum(bool(one.by) for one in lives) == 2
    assert sum(one.seconds is not None for one in lives) == 55 - 6 - 2


def test_requests_that_are_nobody_else_s() -> None:
    """What a flow sends where a provider wants it otherwise, whole."""
    found = {}
    for name in ("github", "square", "stripe", "twitch", "box"):
        revoke = CONNECTED[name].revoke
        assert revoke is not None
        assert revoke.call is not None
        call = revoke.call
        found[name] = (call.method, call.format, call.authorization or call.authentication, dict(call.body))
    token = {"token": "{token}"}
    assert found == {
        "github": ("DELETE", "json", "client_secret_basic", {"access_token": "{access_token}"}),
        "square": (
            "POST",
            "json",
            "Client {client_secret}",
            {"client_id": "{client_id}", "access_token": "{access_token}"},
        ),
        "stripe": ("POST", "form", "secret_only", {"client_id": "{client_id}", "stripe_user_id": "{account_id}"}),
        "twitch": ("POST", "form", "none", token),
        "box": ("POST", "form", "client_secret_post", token),
    }
    swap = CONNECTED["instagram"].refresh.call
    assert swap is not None
    assert (swap.method, swap.authentication) == ("GET", "nobody")
    assert swap.query == {"grant_type": "ig_refresh_token", "access_token": "{access_token}"}
    slack, withings = CONNECTED["slack"].answer, CONNECTED["withings"].answer
    assert (slack.ok, slack.error_code) == ("ok == `true`", "error")
    assert (withings.root, withings.ok, withings.error_message) == ("body", "status == `0`", "error")
    assert CONNECTED["square"].answer.expires_field == "expires_at"
    assert CONNECTED["bigcommerce"].token.parameters == {"context": "{context}", "scope": "{scope}"}
    assert CONNECTED["zoho"].callback.keep["accounts_server"].replaces == "accounts"


def test_calling() -> None:
    assert sum(one.api.base_url is not None for one in EVERY) == 97
    assert names(lambda one: one.api.is_signed) == {"trello"}
    assert names(lambda one: one.api.header != "Authorization") == {"bigcommerce", "shopify"}
    assert sum(one.api.value != "Bearer {access_token}" for one in EVERY) == 4
    assert sum(bool(one.api.headers) for one in EVERY) == 10
    assert names(lambda one: bool(one.api.query)) == {"vercel"}
    limits = [one.api.rate_headers for one in EVERY if one.api.rate_headers is not None]
    assert len(limits) == 27
    assert Counter(one.reset_unit for one in limits if one.reset is not None) == {
        "epoch": 5,
        "seconds": 1,
        "ms": 1,
        None: 5,
    }


def test_a_connection_calls_what_the_section_api_describes() -> None:
    """The lists of `api` are below the base URL of `oauth`: the same path, whatever chooses the host."""
    both = {name: (one.oauth, one.api) for name, one in catalogue().items() if one.oauth and one.api}
    assert len(both) == 35
    differing = {
        name
        for name, (oauth, api) in both.items()
        if oauth.api.base_url is not None and path_of(oauth.api.base_url) != path_of(api.base_url)
    }
    assert differing == {"bigcommerce"}  # whose callback tells the path as one value


@for_each(catalogue().values(), name=lambda one: one.id)
def test_every_entry_can_be_read_to_its_end(provider: Provider) -> None:
    """As a flow would: values for all that it names, and URLs that lead to HTTPS hosts and hold nothing unfilled."""
    if (oauth := provider.oauth) is None:
        return
    typed = {name: TYPED[name] for name, one in oauth.parameters.items() if not (one.optional or one.default)}
    values = completed(oauth.parameters, typed)
    values |= {"client_id": "cid", "redirect_uri": "https://gw.example.org/cb", "gateway_url": "https://gw.example.org"}
    values |= {"client_secret": "s", "access_token": "at", "refresh_token": "rt", "token": "at", "account_id": "42"}
    values |= {"token_type_hint": "access_token"}
    for name, kept in oauth.kept.items():
        values[name] = told(name, kept, oauth)
        assert kept_fault(kept, values[name]) is None
    for key, _step, url in urls(oauth):
        made = url_of(url, values)
        assert url_fault(made) is None, (key, made)
        assert "{" not in made
    for key, _step, texts in templates(oauth):
        left = {name for text in texts.values() for name in named(text) if name not in values}
        assert all(oauth.parameters[name].optional for name in left), (key, left)
        assert "{" not in "".join(filled_all(texts, values).values()).replace("{ ", ""), key


def told(name: str, kept: Kept, oauth: OAuth) -> str:
    """What a provider could tell: a URL or a host of its own, as templates want it."""
    if kept.replaces is not None:
        return next(iter(oauth.parameters[kept.replaces].choices))
    if not kept.under:
        return TOLD.get(name, "told")
    begins = any(leading(url) == name for _key, _step, url in urls(oauth))
    return f"https://eu1.{kept.under[0]}" if begins else f"eu1.{kept.under[0]}"


def path_of(url: str) -> str:
    """What stands behind the host of a URL, or behind the name that it begins with."""
    return url.partition("}")[2] if leading(url) is not None else url.partition("://")[2].removeprefix(host_of(url))


def names(holds: Callable[[OAuth], bool]) -> set[str]:
    return {name for name, one in CONNECTED.items() if holds(one)}
