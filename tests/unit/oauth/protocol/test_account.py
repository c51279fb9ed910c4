"""Whose account it is, by every source; and whether a connection works."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.oauth.protocol.account import read_account
from gateway.oauth.protocol.check import Checked, check
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderError, ProviderRefused, ProviderUnavailable
from gateway.oauth.protocol.http import HttpAnswer, HttpRequest
from gateway.oauth.protocol.values import AccountFacts, App, Tokens
from gateway.providers import catalogue
from gateway.providers.oauth.parts import Call
from tests.services.for_each import for_each, for_each_row
from tests.services.oauth_apps import Answers, app_of, as_json, section

TOKENS = Tokens(access_token="acc3ss", refresh_token="r3fresh")
NOTHING: Mapping[str, Any] = {}
ISSUER = "https://id.example.org/realm"
EVERY = [name for name, one in catalogue().items() if one.oauth is not None]


class Said:
    """A port to sockets that says one thing, or raises it."""

    def __init__(self, said: Mapping[str, Any] | ProviderError) -> None:
        self.said = said
        self.asked: list[tuple[str, str, str]] = []

    def ask(self, url: str, *, access_token: str, command: str) -> Mapping[str, Any]:
        self.asked.append((url, access_token, command))
        if isinstance(self.said, ProviderError):
            raise self.said
        return self.said


SILENT = Said(ProviderUnavailable("nobody is asked"))


def facts(
    provider: str | App,
    answers: Answers | Mapping[str, Any] = NOTHING,
    tokens: Tokens = TOKENS,
    sockets: Said = SILENT,
    **more: Any,
) -> AccountFacts:
    app = provider if isinstance(provider, App) else app_of(provider)
    http = answers if isinstance(answers, Answers) else Answers(answers)
    found = endpoints(replace(app, oauth=replace(app.oauth, discovery=None)), http, FakeClock())
    found = replace(found, userinfo=f"{ISSUER}/me")
    return read_account(app, found, tokens, http, sockets=sockets, now_us=0, **more)


def test_by_a_call_of_its_api() -> None:
    answers = Answers({"https://api.github.com/user": {"id": 583231, "login": "octocat"}})
    found = facts("github", answers)
    assert (found.id, found.label) == ("583231", "octocat")
    assert dict(answers.asked[0].headers)["Authorization"] == "Bearer acc3ss"


def test_what_goes_with_each_call_of_the_api_goes_with_this_one() -> None:
    answers = Answers({"https://api.twitch.tv/helix/users": {"data": [{"id": "12", "login": "ada"}]}})
    assert facts("twitch", answers).label == "ada"
    assert dict(answers.asked[0].headers)["Client-Id"] == "client-1"


def test_by_a_graphql_query() -> None:
    said = {"data": {"viewer": {"id": "u1", "email": "ada@example.org"}, "organization": {"id": "o1", "name": "Acme"}}}
    answers = Answers({"https://api.linear.app/graphql": said})
    found = facts("linear", answers)
    assert (found.id, found.label) == ("u1", "ada@example.org")
    assert "o1" in (found.key or "")
    body = json.loads(answers.asked[0].body or b"")
    assert body == {"query": "{ viewer { id email } organization { id name } }"}
    assert answers.asked[0].method == "POST"


def test_by_a_command_over_a_websocket() -> None:
    socket = Said({"id": "u1", "name": "Ada", "is_owner": True})
    found = facts("home-assistant", sockets=socket)
    assert (found.id, found.label) == ("u1", "Ada")
    assert socket.asked == [("https://server.example.org/path/api/websocket", "acc3ss", "auth/current_user")]


def test_by_introspection() -> None:
    url = "https://api.hubapi.com/oauth/2026-03/token/introspect"
    answers = Answers({url: {"active": True, "hub_id": 123, "user_id": 9, "hub_domain": "acme.com"}})
    found = facts("hubspot", answers)
    assert (found.id, found.label) == ("123", "acme.com")
    assert b"token=acc3ss" in (answers.asked[0].body or b"")
    with pytest.raises(ProviderRefused, match="invalid_token"):
        facts("hubspot", {url: {"active": False}})


def test_by_the_id_token_and_userinfo_for_the_label_alone() -> None:
    claims = {"iss": ISSUER, "sub": "user-1"}
    found = facts("oidc", {f"{ISSUER}/me": {"sub": "user-1", "email": "ada@example.org"}}, claims=claims)
    assert (found.id, found.label) == ("user-1", "ada@example.org")
    assert ISSUER in (found.key or "")
    named = Answers()
    assert facts("oidc", named, claims={**claims, "email": "ada@x"}).label == "ada@x"
    assert not named.asked
    for answer in ({"sub": "user-2", "email": "eve@example.org"}, HttpAnswer(503, {}, b""), HttpAnswer(200, {}, b"x")):
        assert facts("oidc", {f"{ISSUER}/me": answer}, claims=claims).label is None
    with pytest.raises(ProviderAnswerInvalid, match="no ID token"):
        facts("oidc")


def test_by_the_token_answer() -> None:
    said = {"team": {"id": "T1", "name": "Acme"}, "authed_user": {"id": "U1"}}
    found = facts("slack", tokens=replace(TOKENS, document=said))
    assert (found.id, found.label) == ("T1", "Acme")
    assert facts("slack", tokens=replace(TOKENS, document={**said, "authed_user": {"id": "U2"}})).key != found.key
    whole = {"team": None, "enterprise": {"id": "E1", "name": "Acme Group"}, "is_enterprise_install": True}
    assert facts("slack", tokens=replace(TOKENS, document=whole)).label == "Acme Group"


def test_by_the_token_answer_with_details_for_the_label() -> None:
    url = "https://login.salesforce.com/id/00D/005"
    tokens = replace(TOKENS, document={"id": url}, kept={"identity_url": url})
    found = facts("salesforce", {url: {"username": "ada@acme.example"}}, tokens=tokens)
    assert (found.id, found.label) == (url, "ada@acme.example")


def test_by_the_access_token_s_beginning() -> None:
    found = facts("etsy", tokens=Tokens(access_token="123456.rest.of.it"))
    assert found.id == "123456"
    with pytest.raises(ProviderAnswerInvalid, match="does not say whose account"):
        facts("etsy", tokens=Tokens(access_token="nodot"))


def test_by_the_callback_and_by_a_parameter() -> None:
    found = facts("quickbooks", kept={"realm_id": "4620816365"})
    assert found.id == "4620816365"
    assert facts("wix").id == "11111111-2222"
    with pytest.raises(ProviderAnswerInvalid, match="does not say whose account"):
        facts("quickbooks")


def test_what_was_chosen_is_part_of_whose_account_it_is() -> None:
    claims = {"iss": "https://identity.xero.com", "sub": "s", "xero_userid": "x1", "email": "ada@example.org"}
    keys = {facts("xero", kept={"tenant_id": tenant}, claims=claims).key for tenant in ("t1", "t2", "t1")}
    assert len(keys) == 2


def test_the_same_id_on_another_server_is_another_account() -> None:
    keys = set()
    for base in ("https://a.example.org", "https://b.example.org"):
        app = app_of("gitea", parameters={"base": base})
        keys.add(facts(app, {f"{base}/api/v1/user": {"id": 1, "login": "ada"}}).key)
    assert len(keys) == 2


@for_each_row(
    ("answer", "error"),
    [
        (HttpAnswer(401, {}, b""), ProviderRefused),
        (HttpAnswer(503, {"retry-after": "7"}, b""), ProviderUnavailable),
        (HttpAnswer(429, {}, b""), ProviderUnavailable),
        (HttpAnswer(404, {}, b""), ProviderAnswerInvalid),
        (HttpAnswer(200, {}, b"<html>"), ProviderAnswerInvalid),
        (HttpAnswer(200, {}, b"[" * 100_000), ProviderAnswerInvalid),
        ({"message": "no id"}, ProviderAnswerInvalid),
        ({"id": ""}, ProviderAnswerInvalid),
        ({"id": {"a": 1}}, ProviderAnswerInvalid),
        ({"id": "x" * 501}, ProviderAnswerInvalid),
        ({"id": "a\x00b"}, ProviderAnswerInvalid),
        (["id"], ProviderAnswerInvalid),
    ],
)
def test_no_answer_that_says_whose_account_it_is(answer: object, error: type[ProviderError]) -> None:
    with pytest.raises(error) as raised:
        facts("github", {"https://api.github.com/user": answer})
    assert "acc3ss" not in str(raised.value)


def test_scopes_that_do_not_let_us_ask_leave_the_account_unknown() -> None:
    assert facts("github", {"https://api.github.com/user": HttpAnswer(403, {}, b"")}) == AccountFacts()
    assert facts("sentry") == AccountFacts()


def test_a_label_is_short_and_readable() -> None:
    url = "https://api.github.com/user"
    assert facts("github", {url: {"id": 1, "login": "a\x00\u202eb"}}).label == "a  b"
    assert facts("github", {url: {"id": 1, "login": "x" * 900}}).label == "x" * 200
    assert facts("github", {url: {"id": 1}}).label is None


def checked(provider: str | App, answers: Any = None, *, sockets: Said = SILENT, **metadata: Any) -> Checked:
    app = provider if isinstance(provider, App) else app_of(provider)
    http = answers if isinstance(answers, Answers) else Answers(answers)
    found = endpoints(replace(app, oauth=replace(app.oauth, discovery=None)), http, FakeClock())
    secrets = {"access_token": "acc3ss"}
    return check(app, replace(found, **metadata), http, sockets=sockets, secrets=secrets, now_us=0)


def test_a_connection_works_where_its_token_is_taken() -> None:
    url = "https://api.github.com/user"
    assert checked("github", {url: {"id": 1}}).works is True
    assert checked("github", {url: HttpAnswer(403, {}, b"")}).works is True
    assert checked("github", {url: HttpAnswer(401, {}, b"")}) == Checked(
        works=False, detail="its API does not take the token", status=401
    )
    with pytest.raises(ProviderUnavailable):
        checked("github", {url: HttpAnswer(500, {}, b"")})
    assert checked("sentry").works is None


def test_a_check_goes_by_whatever_the_entry_has() -> None:
    assert checked("oidc", {f"{ISSUER}/me": {"sub": "u"}}, userinfo=f"{ISSUER}/me").works is True
    assert checked("oidc").works is None
    assert checked("home-assistant", sockets=Said({"id": "u"})).works is True
    assert checked("home-assistant", sockets=Said(ProviderRefused("invalid_token"))).works is False
    url = "https://api.hubapi.com/oauth/2026-03/token/introspect"
    assert checked("hubspot", {url: {"active": True}}).works is True
    assert checked("hubspot", {url: {"active": False}}).works is False
    graphql = Answers({"https://api.linear.app/graphql": {"data": {}}})
    assert checked("linear", graphql).works is True
    assert b"viewer" in (graphql.asked[0].body or b"")
    github = app_of("github")
    own = replace(github, oauth=replace(github.oauth, check=Call("https://api.github.com/rate_limit")))
    assert checked(own, {"https://api.github.com/rate_limit": {"active": False}}).works is True


class Empty(Answers):
    """Says nothing, everywhere."""

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.asked.append(request)
        return as_json({})


@for_each(EVERY, str)
def test_an_answer_that_says_nothing_is_told_of_every_entry(provider: str) -> None:
    account = section(provider).account
    http, claims = Empty(), {"iss": ISSUER}
    if account is None:
        assert facts(provider, http, claims=claims) == AccountFacts()
        return
    kept = {name: f"https://{one.under[0]}" for name, one in section(provider).kept.items() if one.under}
    if account.source == "parameter":
        assert facts(provider, http, kept=kept).id
        return
    with pytest.raises(ProviderAnswerInvalid, match="does not say whose account"):
        facts(provider, http, sockets=Said({}), kept=kept, claims=claims)
    assert not any("acc3ss" in one.url for one in http.asked)
