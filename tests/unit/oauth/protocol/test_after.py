"""The call right after an exchange: what is chosen, what is kept, and which token stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.oauth.protocol.after import MAX_OPTIONS, ChoiceNeeded, after_exchange, with_option
from gateway.oauth.protocol.endpoints import endpoints
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderError, ProviderRefused, ProviderUnavailable
from gateway.oauth.protocol.http import HttpAnswer
from gateway.oauth.protocol.values import App, Tokens
from gateway.providers.oauth.parts import Kept
from tests.services.for_each import for_each_row
from tests.services.oauth_apps import Answers, app_of

TOKENS = Tokens(access_token="sh0rt", refresh_token="r3fresh", kept={"before": "1"}, document={"user_id": 7})
SITES = "https://api.atlassian.com/oauth/token/accessible-resources"
USERINFO = "https://account.docusign.com/oauth/userinfo"
ACME = {"id": "11-aa", "url": "https://acme.atlassian.net", "name": "acme", "scopes": ["read"]}
EMCA = {"id": "22-bb", "url": "https://emca.atlassian.net", "name": "emca", "scopes": ["read"]}


def after(provider: str | App, answers: Answers | Mapping[str, Any], tokens: Tokens = TOKENS) -> Tokens:
    app = provider if isinstance(provider, App) else app_of(provider)
    http = answers if isinstance(answers, Answers) else Answers(answers)
    found = endpoints(replace(app, oauth=replace(app.oauth, discovery=None)), http, FakeClock())
    return after_exchange(app, found, tokens, http, now_us=0)


def choice(provider: str | App, answers: Mapping[str, Any]) -> ChoiceNeeded:
    with pytest.raises(ChoiceNeeded) as needed:
        after(provider, answers)
    return needed.value


def test_nothing_is_asked_where_the_entry_has_no_such_call() -> None:
    answers = Answers()
    assert after("github", answers) is TOKENS
    assert not answers.asked


def test_one_alone_is_taken() -> None:
    answers = Answers({SITES: [ACME]})
    made = after("jira", answers)
    assert made.kept == {"before": "1", "cloud_id": "11-aa", "site_url": "https://acme.atlassian.net"}
    assert made.access_token == "sh0rt"
    assert dict(answers.asked[0].headers)["Authorization"] == "Bearer sh0rt"


def test_one_of_many_is_the_person_s_to_choose() -> None:
    with pytest.raises(ChoiceNeeded, match="one of 2 has to be chosen: one site of the list") as needed:
        after("jira", {SITES: [ACME, EMCA, ACME]})
    options = needed.value.options
    assert [one.label for one in options] == ["https://acme.atlassian.net", "https://emca.atlassian.net"]
    again = choice("jira", {SITES: [EMCA, ACME]})
    chosen = again.chosen(options[1].key)
    assert chosen is not None
    assert with_option(TOKENS, chosen).kept["cloud_id"] == "22-bb"
    assert needed.value.chosen("another") is None


def test_no_more_can_be_chosen_from_than_may_be() -> None:
    sites = [{"id": str(number), "url": f"https://{number}.atlassian.net"} for number in range(MAX_OPTIONS + 1)]
    assert len(choice("jira", {SITES: sites}).options) == MAX_OPTIONS


def test_one_that_is_preferred_is_taken_and_two_are_not() -> None:
    def account(number: int, is_default: bool) -> dict[str, Any]:
        base = "https://eu.docusign.net"
        return {"account_id": str(number), "account_name": f"A{number}", "base_uri": base, "is_default": is_default}

    answer = {"sub": "u", "accounts": [account(1, False), account(2, True)]}
    made = after("docusign", {USERINFO: answer})
    assert made.kept == {"before": "1", "base_uri": "https://eu.docusign.net", "docusign_account": "2"}
    for flags in ((True, True), (False, False)):
        answer = {"accounts": [account(number, flag) for number, flag in enumerate(flags)]}
        needed = choice("docusign", {USERINFO: answer})
        assert [one.label for one in needed.options] == ["A0", "A1"]


def test_the_lists_of_all_who_choose_are_labelled_by_name() -> None:
    xero = {"https://api.xero.com/connections": [{"tenantId": "t1", "tenantName": "One"}, {"tenantId": "t2"}]}
    needed = choice("xero", xero)
    assert [one.label for one in needed.options] == ["One", "t2"]
    launchpad = {"accounts": [{"id": 1, "name": "Honcho"}, {"id": 2, "name": "Acme"}]}
    answers = {"https://launchpad.37signals.com/authorization.json": launchpad}
    needed = choice("basecamp", answers)
    assert [(one.label, one.kept) for one in needed.options] == [
        ("Honcho", {"basecamp_account": "1"}),
        ("Acme", {"basecamp_account": "2"}),
    ]


@for_each_row("answer", [[], {}, {"accounts": []}, "none", None])
def test_nothing_to_choose_from_is_told(answer: object) -> None:
    with pytest.raises(ProviderAnswerInvalid, match="nothing to choose from"):
        after("jira", {SITES: HttpAnswer(200, {}, b"null") if answer is None else answer})


def test_a_kept_host_that_is_somebody_else_s_is_refused() -> None:
    for base in ("https://evil.example", "http://eu.docusign.net", "https://eu.docusign.net@evil.example", ""):
        account = {"account_id": "1", "base_uri": base, "is_default": True}
        with pytest.raises(ProviderAnswerInvalid, match="base_uri"):
            after("docusign", {USERINFO: {"accounts": [account]}})


def test_what_is_asked_without_a_choice() -> None:
    url = "https://login.mailchimp.com/oauth2/metadata"
    answers = Answers({url: {"dc": "us19", "api_endpoint": "https://us19.api.mailchimp.com", "accountname": "Acme"}})
    assert after("mailchimp", answers).kept["dc"] == "us19"
    assert dict(answers.asked[0].headers)["Authorization"] == "OAuth sh0rt"
    with pytest.raises(ProviderAnswerInvalid, match="dc"):
        after("mailchimp", {url: {"dc": "evil.example/"}})


def test_a_longer_token_takes_the_first_one_s_place() -> None:
    app = app_of("instagram")
    url = (
        "https://graph.instagram.com/access_token?grant_type=ig_exchange_token&client_secret=s3cret&access_token=sh0rt"
    )
    made = after(app, {url: {"access_token": "l0ng", "token_type": "bearer", "expires_in": 5183944}})
    assert (made.access_token, made.refresh_token) == ("l0ng", "r3fresh")
    assert made.expires_at_us == 5183944 * 1_000_000
    assert made.kept == {"before": "1"}
    assert made.document["user_id"] == 7
    with pytest.raises(ProviderRefused, match="invalid_token") as refused:
        after(app, {url: HttpAnswer(400, {}, b'{"error": "invalid_token", "error_description": "sh0rt is not good"}')})
    assert "sh0rt" not in str(refused.value)


@for_each_row(
    ("answer", "error"),
    [
        (HttpAnswer(401, {}, b""), ProviderRefused),
        (HttpAnswer(403, {}, b""), ProviderRefused),
        (HttpAnswer(502, {}, b""), ProviderUnavailable),
        (HttpAnswer(200, {}, b"<html>"), ProviderAnswerInvalid),
        ([{"id": "11"}], ProviderAnswerInvalid),
    ],
)
def test_what_fails(answer: object, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        after("jira", {SITES: answer})


def test_a_kept_secret_stands_apart() -> None:
    app = app_of("jira")
    assert app.oauth.after_exchange is not None
    keep = {"cloud_id": Kept("id"), "ticket": Kept("name", secret=True)}
    own = replace(app, oauth=replace(app.oauth, after_exchange=replace(app.oauth.after_exchange, keep=keep)))
    made = after(own, {SITES: [ACME]})
    assert (made.kept["cloud_id"], made.secret_kept) == ("11-aa", {"ticket": "acme"})
    assert "ticket" not in repr(made)
    needed = choice(own, {SITES: [ACME, EMCA]})
    assert "emca'" not in repr(needed.options)
