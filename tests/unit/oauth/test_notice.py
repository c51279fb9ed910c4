"""What a webhook says of a grant that has ended: whose, of which app, when."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from gateway.oauth.ending.notice import Ended, read_notice
from gateway.providers import catalogue
from gateway.providers.oauth.parts import Notice
from tests.services.for_each import for_each_row

CAME = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
BEFORE = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
NOTICES = (
    Notice(("gone",), {"account_id": "team"}, {"app_id": "app"}, "at"),
    Notice(("left", "lost"), {"account_id": "user.id", "bot": "bots"}, at="header:X-At"),
)
HAS = {"account_id": "T1", "app_id": "A1"}


def only(found: tuple[Ended, ...]) -> Ended:
    [ended] = found
    return ended


def test_all_of_it_has_to_be_the_same() -> None:
    ended = only(read_notice(NOTICES, "gone", b'{"team": "T1", "app": "A1"}', (), CAME))
    assert ended.is_of(HAS)
    assert not ended.is_of(HAS | {"account_id": "T2"})
    assert not ended.is_of(HAS | {"app_id": "A2"})
    assert not ended.is_of({"account_id": "T1"})
    numbers = only(read_notice(NOTICES, "lost", b'{"user": {"id": 7}, "bots": ["B1", "B2"]}', (), CAME))
    assert numbers.is_of({"account_id": "7", "bot": "B2"})
    assert not numbers.is_of({"account_id": "7", "bot": "B3"})
    assert not numbers.is_of({"account_id": "7", "bot": None})


@for_each_row(
    ("event_type", "document"),
    [
        ("other", {"team": "T1", "app": "A1"}),
        ("gone", {"team": "T1"}),
        ("gone", {"team": "", "app": "A1"}),
        ("gone", {"team": None, "app": "A1"}),
        ("left", {"user": {"id": 7}, "bots": []}),
        ("left", [{"user": {"id": 7}, "bots": ["B1"]}]),
        ("left", "text"),
    ],
)
def test_what_does_not_say_whose_it_was_says_nothing(event_type: str, document: object) -> None:
    assert read_notice(NOTICES, event_type, json.dumps(document).encode(), (), CAME) == ()


def test_what_is_no_json_says_nothing() -> None:
    assert read_notice(NOTICES, "gone", b"\xff", (), CAME) == ()


@for_each_row(
    ("told", "at"),
    [
        (int(BEFORE.timestamp()), BEFORE),
        (str(int(BEFORE.timestamp())), BEFORE),
        (int(BEFORE.timestamp()) * 1000, BEFORE),
        ("2026-11-20T09:00:00Z", BEFORE),
        ("2026-11-20T10:00:00.000+01:00", BEFORE),
        ("2026-11-20T09:00:00", BEFORE),
        # By a clock that is ahead, and what is no time.
        ("2026-11-20T11:00:00Z", CAME),
        ("yesterday", CAME),
        (10**400, CAME),
        (True, CAME),
        ({}, CAME),
        (None, CAME),
    ],
)
def test_when(told: object, at: datetime) -> None:
    ended = only(read_notice(NOTICES, "gone", json.dumps({"team": "T1", "app": "A1", "at": told}).encode(), (), CAME))
    assert ended.at == at


def test_when_as_a_header_has_it() -> None:
    body = b'{"user": {"id": 7}, "bots": "B1"}'
    ended = only(read_notice(NOTICES, "left", body, [("x-AT", "2026-11-20T09:00:00.123456789Z")], CAME))
    assert ended.at.replace(microsecond=0) == BEFORE


@for_each_row(
    ("provider", "event_type", "document", "has"),
    [
        ("shopify", "app/uninstalled", {"myshopify_domain": "a.myshopify.com"}, {"account_id": "a.myshopify.com"}),
        (
            "slack",
            "app_uninstalled",
            {"team_id": "T1", "api_app_id": "A1", "event": {"type": "app_uninstalled"}, "event_time": 1234567890},
            {"account_id": "T1", "app_id": "A1"},
        ),
        (
            "slack",
            "tokens_revoked",
            {"team_id": "T1", "api_app_id": "A1", "event": {"tokens": {"oauth": ["U1"], "bot": ["U2"]}}},
            {"account_id": "T1", "app_id": "A1", "bot_user_id": "U2"},
        ),
        ("github", "github_app_authorization", {"action": "revoked", "sender": {"id": 7}}, {"account_id": "7"}),
        (
            "stripe",
            "account.application.deauthorized",
            {"account": "acct_1", "created": 1234567890, "data": {"object": {"id": "ca_1", "object": "application"}}},
            {"account_id": "acct_1", "client_id": "ca_1"},
        ),
        (
            "zoom",
            "app_deauthorized",
            {
                "payload": {
                    "account_id": "E",
                    "user_id": "z9",
                    "client_id": "AD",
                    "deauthorization_time": "2019-06-17T13:52Z",
                }
            },
            {"account_id": "z9", "client_id": "AD"},
        ),
        ("square", "oauth.authorization.revoked", {"merchant_id": "J9"}, {"account_id": "J9"}),
        ("bigcommerce", "store/app/uninstalled", {"producer": "stores/abc"}, {"account_id": "stores/abc"}),
    ],
)
def test_the_providers_own(provider: str, event_type: str, document: object, has: dict[str, str]) -> None:
    entry = catalogue()[provider]
    assert entry.oauth is not None
    assert event_type in entry.ending_events
    found = read_notice(entry.oauth.ended_by, event_type, json.dumps(document).encode(), (), CAME)
    assert any(ended.is_of(has) for ended in found)
    assert not any(ended.is_of(has | {name: "another"}) for ended in found for name in has)


def test_slack_tells_of_a_user_alone() -> None:
    slack = catalogue()["slack"].oauth
    assert slack is not None
    said = {"team_id": "T1", "api_app_id": "A1", "event": {"tokens": {"oauth": ["U1"], "bot": []}}}
    ended = only(read_notice(slack.ended_by, "tokens_revoked", json.dumps(said).encode(), (), CAME))
    person = {"account_id": "T1", "app_id": "A1", "authed_user_id": "U1"}
    assert ended.is_of(person)
    assert not ended.is_of(person | {"authed_user_id": "U2"})
    # Its bot's token works on.
    assert not ended.is_of(person | {"bot_user_id": "B1"})
