"""What is to be registered at providers, as data: sound descriptions, what is wanted by them, and what is on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.entities.options import SyncOptions
from gateway.errors import InvalidInput
from gateway.integrations.registrations import PREPARED, Registration, Registrations, registrations_in, shown
from gateway.integrations.subscriptions.bringing import is_ending
from gateway.integrations.subscriptions.described import DESCRIPTIONS, GITHUB, GOOGLE, HUBSPOT, MICROSOFT_GRAPH, STRIPE
from gateway.integrations.subscriptions.filling import content_of, filled, names_in
from gateway.integrations.subscriptions.model import Description, Request, SecretOf
from gateway.integrations.subscriptions.registering import LONGEST_PAUSE, pause_after
from gateway.integrations.subscriptions.wanted import require_public, wanted
from gateway.providers import catalogue
from tests.services.for_each import for_each

URL = "https://gateway.example.com/webhooks/hooks"
NOW = datetime(2026, 5, 1, tzinfo=UTC)
GIVEN = {"url", "secret", "expires", "new_id", "topic", "topics"}
NO_OPTIONS = SyncOptions()


def names_within(template: Any) -> Iterator[str]:
    if isinstance(template, Mapping):
        for one in template.values():
            yield from names_within(one)
    elif isinstance(template, str):
        yield from names_in(template)


@for_each(list(DESCRIPTIONS.values()), lambda one: one.source)
def test_each_description_is_whole(one: Description) -> None:
    entries = catalogue()
    api = entries[one.api].api
    assert api is not None
    assert entries[one.source].webhook is not None
    # The type `github` has one list more.
    assert one.topics.keys() <= {*api.resources, *(["pull_requests"] if one.api == "github" else [])}

    own = {"property", "changes"} | one.parameters.keys()
    made = own | GIVEN
    later = own | {"id", "expires"} | one.keeps.keys()
    for request, known in ((one.create, made), (one.delete, later), (one.renew, later)):
        if request is not None:
            assert {*names_in(request.path), *names_within(request.body)} <= known
    if one.listing is not None:
        assert {*names_in(one.listing.path), *names_within(one.listing.where)} <= own | GIVEN - {"secret", "new_id"}
    assert (one.secret is not None) == (one.secret_of is SecretOf.THEIRS)
    assert ("secret" in set(names_within(one.create.body))) == (one.secret_of is SecretOf.OURS)


def test_names_are_filled_in() -> None:
    values = {"topics": ["a", "b"], "url": URL, "property": None}
    body = {"to": "{url}", "about": "{topics}", "of": "{property}", "more": {"text": "at {url}"}, "on": True}
    assert filled(body, values) == {"to": URL, "about": ["a", "b"], "more": {"text": f"at {URL}"}, "on": True}
    request = Request(method="POST", path="/x", body={"url": "{url}", "events[]": "{topics}"}, is_form=True)
    assert content_of(request, values) == {"form": [("url", URL), ("events[]", "a"), ("events[]", "b")]}


def test_what_is_synced_says_what_is_wanted() -> None:
    places = [{"owner": "octo", "repo": name} for name in ("one", "two")]
    lists = [(name, place) for place in places for name in ("issues", "pull_requests", "unheard")]
    topics = ["issue_comment", "issues", "pull_request", "pull_request_review"]
    found = wanted(GITHUB, lists, NO_OPTIONS, URL)
    assert found.keys() == {"octo/one", "octo/two"}
    assert found["octo/one"].values == {"owner": "octo", "repo": "one", "topics": topics}

    chosen = SyncOptions(webhook_topics=("push",))
    assert wanted(GITHUB, lists, chosen, URL)["octo/two"].values["topics"] == ["push"]
    assert wanted(GITHUB, [("unheard", places[0])], NO_OPTIONS, URL) == {}
    assert wanted(STRIPE, [("events", {})], NO_OPTIONS, URL)["stripe"].values == {"topics": ["*"]}


def test_each_topic_is_by_itself_where_the_provider_has_it_so() -> None:
    found = wanted(MICROSOFT_GRAPH, [("users", {}), ("user_changes", {}), ("messages", {})], NO_OPTIONS, URL)
    assert found.keys() == {"users", "me/messages"}
    assert found["users"].values["changes"] == "updated,deleted"
    other = wanted(MICROSOFT_GRAPH, [("users", {})], SyncOptions(webhook_topics=("chats/getAllMessages",)), URL)
    assert other["chats/getAllMessages"].lifetime_seconds == 3600

    assert wanted(GOOGLE, [("events", {})], NO_OPTIONS, URL)["primary/events"].values["calendar"] == "primary"
    options = SyncOptions(webhook_topics=("contact.propertyChange:email",), webhook_parameters={"app_id": "7"})
    [one] = wanted(HUBSPOT, [("contacts", {})], options, URL).values()
    assert one.values == {"app_id": "7", "topic": "contact.propertyChange", "property": "email"}
    with pytest.raises(InvalidInput, match="app_id must be known"):
        wanted(HUBSPOT, [("contacts", {})], NO_OPTIONS, URL)


@pytest.mark.parametrize(
    ("url", "is_public"),
    [
        ("https://gateway.example.com", True),
        ("https://8.8.8.8", True),
        ("https://[2606:4700::1111]", True),
        ("http://gateway.example.com", False),
        ("https://gateway", False),
        ("https://gateway.local", False),
        ("https://127.0.0.1", False),
        ("https://10.1.2.3", False),
        ("https://169.254.169.254", False),
        ("https://[::1]", False),
        ("https://0x7f.1", False),
    ],
)
def test_providers_call_public_addresses_alone(url: str, is_public: bool) -> None:
    if is_public:
        require_public(url, "github", "code")
        return
    with pytest.raises(InvalidInput, match="GATEWAY_BASE_URL") as raised:
        require_public(url, "github", "code")
    assert [hint.action for hint in raised.value.hints] == ["register_no_webhooks"]


def test_what_is_on_record_is_kept_as_json() -> None:
    one = Registration(key="a", url=URL, values={"topics": ["x"]}, id="1", expires_at=NOW, made_at=NOW, is_shared=True)
    kept = Registrations(source_id="src_1", provider="github", credential_id="crd_1", looked_at=NOW, failures=2)
    kept = kept.with_one(one).with_one(Registration(key="b", url=URL, values={}))
    assert registrations_in({PREPARED: kept.to_json(), "hook": "h1"}) == kept
    assert shown({PREPARED: kept.to_json()}) == {
        "registered": ["a"],
        "ends_at": "2026-05-01T00:00:00.000Z",
        "looked_at": "2026-05-01T00:00:00.000Z",
        "retry_at": None,
        "error": None,
    }
    assert kept.without("a").by_key.keys() == {"b"}
    assert registrations_in({PREPARED: "a type's own"}) is None


@pytest.mark.parametrize(
    ("lasts", "passed", "is_due"),
    [
        (timedelta(days=10), timedelta(days=7), False),
        (timedelta(days=10), timedelta(days=8), True),
        (timedelta(hours=1), timedelta(minutes=44), False),
        (timedelta(hours=1), timedelta(minutes=45), True),
        (timedelta(hours=1), timedelta(hours=2), True),
    ],
)
def test_one_is_renewed_when_a_fifth_is_left(lasts: timedelta, passed: timedelta, is_due: bool) -> None:
    one = Registration(key="a", url=URL, values={}, id="1", expires_at=NOW + lasts, made_at=NOW)
    assert is_ending(one, NOW + passed) is is_due


def test_the_pauses_grow_and_end_growing() -> None:
    assert [pause_after(number, None).total_seconds() / 60 for number in range(1, 6)] == [1, 2, 4, 8, 16]
    assert pause_after(1, 300.0) == timedelta(minutes=5)
    assert pause_after(1_000, None) == pause_after(1, 1e9) == LONGEST_PAUSE
