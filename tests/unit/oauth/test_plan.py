"""Where the API of a connection is and what its calls carry, as entries of our catalogue say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.clients.values import Call
from gateway.errors import InvalidInput
from gateway.oauth.calling.auth import FixedToken
from gateway.oauth.calling.plan import ApiPlan, plan_by_key, plan_by_token
from gateway.providers import catalogue
from tests.services.for_each import for_each
from tests.services.keys import rsa_key


def sent(plan: ApiPlan, *query: tuple[str, str]) -> Call:
    return plan.auth.apply(Call("GET", f"{plan.base_url}/things", "/things", query=query))


def by_token(provider: str, secrets: dict[str, str] | None = None, **values: str) -> ApiPlan:
    entry = catalogue()[provider]
    assert entry.oauth is not None
    known = {"client_id": "client", "client_secret": "app-secret", **values}
    return plan_by_token(entry, entry.oauth, known, secrets or {}, FixedToken("tok"))


@for_each(
    [
        ("github", {}, "https://api.github.com", ("Authorization", "Bearer tok")),
        ("shopify", {"shop": "acme"}, None, ("X-Shopify-Access-Token", "tok")),
        ("monday", {}, None, ("Authorization", "tok")),
        ("zoho", {"api_domain": "https://www.zohoapis.eu"}, None, ("Authorization", "Zoho-oauthtoken tok")),
        ("gitlab", {"base": "https://git.example.com"}, "https://git.example.com/api/v4", None),
        ("salesforce", {"instance_url": "https://acme.my.salesforce.com"}, None, None),
        ("auth0", {"domain": "acme.eu.auth0.com"}, "https://acme.eu.auth0.com/api/v2", None),
        ("etsy", {}, None, ("x-api-key", "client:app-secret")),
    ]
)
def test_what_calls_carry(case: tuple[str, dict[str, str], str | None, tuple[str, str] | None]) -> None:
    provider, values, base_url, header = case
    plan = by_token(provider, **values)
    assert plan.base_url is not None
    assert base_url is None or plan.base_url == base_url
    assert header is None or sent(plan).header(header[0]) == header[1]
    assert "app-secret" not in repr(plan)
    assert "app-secret" not in str(plan.headers)


def test_parameters_of_the_entry_go_along_unless_the_caller_gives_others() -> None:
    plan = by_token("vercel", team_id="team_1")
    assert sent(plan).query == (("teamId", "team_1"),)
    assert sent(plan, ("teamId", "mine")).query == (("teamId", "mine"),)
    assert sent(by_token("vercel")).query == ()


@for_each(["HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT", "RSA-SHA1"], name=str)
def test_calls_are_signed_as_the_steps_were(method: str) -> None:
    trello = catalogue()["trello"]
    assert trello.oauth is not None
    assert trello.oauth.request_token is not None
    oauth = replace(trello.oauth, request_token=replace(trello.oauth.request_token, signature=method))
    known = {"client_id": "client", "client_secret": "app-secret"}
    secrets = {"access_token": "tok", "token_secret": "tok-secret"}
    key = (
        rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        if method == "RSA-SHA1"
        else None
    )
    plan = plan_by_token(trello, oauth, known, secrets, FixedToken("tok"), app_key=key)
    assert f'oauth_signature_method="{method}"' in (sent(plan).header("Authorization") or "")
    if key is not None:
        with pytest.raises(InvalidInput, match="no private key"):
            plan_by_token(trello, oauth, known, secrets, FixedToken("tok"))


def test_headers_of_both_sections_go_along() -> None:
    assert by_token("notion").headers["Notion-Version"] == "2022-06-28"
    assert by_token("stripe", stripe_user_id="acct_1").headers["Stripe-Account"] == "acct_1"
    assert "Stripe-Account" not in by_token("stripe").headers


def test_secrets_of_the_app_are_told_to_nobody() -> None:
    plan = by_token("etsy")
    assert set(plan.auth.secrets(sent(plan))) == {"tok", "client:app-secret"}


def test_oauth1_signs() -> None:
    plan = by_token("trello", {"access_token": "tok", "token_secret": "shh"})
    header = sent(plan).header("Authorization") or ""
    assert header.startswith("OAuth ")
    assert 'oauth_token="tok"' in header
    assert "shh" not in header


def test_what_was_not_kept_leads_nowhere() -> None:
    with pytest.raises(InvalidInput, match="instance_url was not kept"):
        by_token("salesforce")
    assert by_token("slack-signin").base_url is None


@for_each(
    [
        ("hubspot", "api_key", {"key": "k"}, {}, ("Authorization", "Bearer k")),
        ("intercom", "api_key", {"key": "k"}, {}, ("Authorization", "Bearer k")),
    ]
)
def test_keys(case: tuple[str, str, dict[str, str], dict[str, str], tuple[str, str]]) -> None:
    provider, way, secrets, parameters, header = case
    assert sent(plan_by_key(catalogue()[provider], way, parameters, secrets)).header(header[0]) == header[1]


@for_each([{"key": ""}, {"key": "line\nbreak"}])
def test_a_key_that_cannot_be_sent(secrets: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        plan_by_key(catalogue()["hubspot"], "api_key", {}, secrets)
    assert "line" not in str(caught.value).replace("line break", "")
