"""Token answers: good ones of every shape, and all that can come instead."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.oauth.protocol.answers import MAX_TOKEN, read_tokens
from gateway.oauth.protocol.bodies import MAX_VALUES
from gateway.oauth.protocol.errors import ProviderAnswerInvalid, ProviderError, ProviderRefused, ProviderUnavailable
from gateway.oauth.protocol.values import Tokens
from gateway.providers import catalogue
from gateway.providers.oauth.model import Answer, ConnectedApi, OAuth, Token
from gateway.providers.oauth.parts import Kept, Lifetime, Sources
from tests.services.for_each import for_each, for_each_row
from tests.services.oauth_apps import section

JSON = "application/json"
NOW_US = 1_790_000_000_000_000
PLAIN = OAuth(kind="oauth2", evidence=Sources("ours", ("the tests",)), token=Token(url="https://id.example/token"))
ENTRIES = [one.oauth for one in catalogue().values() if one.oauth is not None]
SECRET = "not-to-be-shown"


def read(said: Any, oauth: OAuth = PLAIN, status: int = 200, content_type: str = JSON, **options: Any) -> Tokens:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return read_tokens(oauth, status, content_type, body, NOW_US, **options)


def token(**said: Any) -> dict[str, Any]:
    return {"access_token": "at", "token_type": "Bearer", **said}


def seconds(**said: Any) -> float | None:
    """How long the token of an answer lives."""
    end = read(token(**said)).expires_at_us
    return None if end is None else (end - NOW_US) / 1_000_000


def test_a_whole_answer() -> None:
    found = read(token(refresh_token="rt", id_token="it", expires_in=3600, scope="a b a"))
    assert (found.access_token, found.refresh_token, found.id_token) == ("at", "rt", "it")
    assert (found.scopes, found.token_type) == (("a", "b"), "Bearer")
    assert found.expires_at_us == NOW_US + 3600 * 1_000_000


def test_what_is_not_said_is_not_known() -> None:
    found = read({"access_token": "at", "refresh_token": None, "scope": None})
    assert (found.refresh_token, found.scopes, found.expires_at_us, found.token_type) == (None, None, None, "Bearer")


@for_each_row(
    ("content_type", "body"),
    [
        ("text/html", b"<!doctype html><title>Sign in</title>"),
        (JSON, b"<html>access_token</html>"),
        (JSON, b""),
        (JSON, b" \r\n"),
        (JSON, b"null"),
        (JSON, b"[]"),
        (JSON, b'[{"access_token": "at"}]'),
        (JSON, b'"access_token"'),
        (JSON, b'{"access_token": "at"'),
        (JSON, b'{"access_token": "at", "x": NaN}'),
        (JSON, b'{"access_token": "\xff\xfe"}'),
        (JSON, b'{"access_token": "\\ud800"}'),
        (JSON, '{"access_token": "at"}'.encode("utf-16")),
        (JSON, b"[" * 200_000),
        (JSON, b'{"a":' * 100_000),
        (JSON, b'{"access_token": "at", "x": [' + b"1," * MAX_VALUES + b"1]}"),
        (JSON, b"{}"),
        (JSON, b'{"access_token": ""}'),
        (JSON, b'{"access_token": null}'),
        (JSON, b'{"access_token": 12}'),
        (JSON, b'{"access_token": {"value": "at"}}'),
        (JSON, b'{"access_token": "a\\nb"}'),
        (JSON, b'{"access_token": "\xc3\xa9"}'),
        (JSON, b'{"access_token": "' + b"a" * (MAX_TOKEN + 1) + b'"}'),
        (JSON, b'{"access_token": "at", "refresh_token": ["rt"]}'),
        (JSON, b'{"access_token": "at", "id_token": "a b\\u0000"}'),
        (JSON, b'{"access_token": "at", "token_type": "DPoP"}'),
        (JSON, b'{"access_token": "at", "token_type": "mac"}'),
        ("application/x-www-form-urlencoded", b"access_token=a&access_token=b"),
        ("application/x-www-form-urlencoded", b"access_token=%00"),
        ("application/x-www-form-urlencoded", b"token=at"),
        ("application/x-www-form-urlencoded", b"&".join(b"access_token=%d" % n for n in range(2000))),
        ("text/plain", b"\xff\xfe"),
        (JSON, json.dumps(token(scope=" ".join(f"s{n}" for n in range(501)))).encode()),
        (JSON, json.dumps(token(scope=["x" * 501])).encode()),
        (JSON, json.dumps(token(scope="a\tb")).encode()),
    ],
)
def test_a_success_that_holds_nothing_usable_is_none(content_type: str, body: bytes) -> None:
    with pytest.raises(ProviderAnswerInvalid) as caught:
        read(body, content_type=content_type)
    assert len(str(caught.value)) < 200


@for_each_row(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"access_token=a%2Bt&scope=a%20b&token_type=bearer&expires_in=60"),
        ("text/plain; charset=utf-8", b"access_token=a%2Bt&scope=a+b&expires_in=60"),
        ("", b"access_token=a%2Bt&scope=a+b&expires_in=60"),
        ("text/html", b'\xef\xbb\xbf {"access_token": "a+t", "scope": "a b", "expires_in": "60"}'),
    ],
)
def test_a_content_type_is_a_hint(content_type: str, body: bytes) -> None:
    found = read(body, content_type=content_type)
    assert (found.access_token, found.scopes) == ("a+t", ("a", "b"))
    assert found.expires_at_us == NOW_US + 60_000_000


@for_each_row(
    ("said", "lives"),
    [
        (3600, 3600),
        ("3600", 3600),
        (" 3600 ", 3600),
        (3599.5, 3599.5),
        (None, None),
        ("", None),
        (0, None),
        ("0", None),
        (-1, None),
        ("-5", None),
        (True, None),
        ("soon", None),
        ("1e9", None),
        ([3600], None),
        ({"seconds": 1}, None),
        # An instant where seconds are due, in seconds and in milliseconds.
        (1_790_000_900, 900),
        (1_790_000_900_000, 900),
        (10**12, None),
        (10**30, None),
        (1_700_000_000, None),
        ("9" * 400, None),
    ],
)
def test_expires_in_of_all_kinds(said: Any, lives: float | None) -> None:
    assert seconds(expires_in=said) == lives


def test_milliseconds_are_told_by_what_is_usual() -> None:
    oauth = replace(PLAIN, access_lifetime=Lifetime(seconds=3600))
    assert read(token(expires_in=3_600_000), oauth).expires_at_us == NOW_US + 3_600_000_000
    assert read(token(expires_in=86_400), oauth).expires_at_us == NOW_US + 86_400_000_000
    assert read(token(), oauth).expires_at_us == NOW_US + 3_600_000_000


@for_each_row(
    ("provider", "said", "lives"),
    [
        ("github", {}, None),
        ("github", {"expires_in": 28_800}, 28_800),
        ("shopify", {}, None),
        ("mailchimp", {"expires_in": 0}, None),
        ("clickup", {}, None),
        ("salesforce", {"instance_url": "https://acme.my.salesforce.com"}, 7200),
        ("square", {"expires_at": "2026-09-22T14:13:20Z"}, 86_400),
        ("square", {"expires_at": "2026-09-22T14:13:20"}, 86_400),
        ("square", {"expires_at": "2006-01-02T15:04:05Z"}, 2_592_000),
        ("square", {"expires_at": "0001-01-01T00:00:00+23:59"}, 2_592_000),
        ("square", {"expires_at": 7}, 2_592_000),
        ("strava", {"expires_at": 1_790_000_900}, 900),
        ("strava", {"expires_in": 60, "expires_at": 1_790_000_900}, 60),
        ("strava", {"expires_at": "never"}, 21_600),
    ],
)
def test_expiry_as_entries_have_it(provider: str, said: dict[str, Any], lives: int | None) -> None:
    end = read(token(**said), section(provider)).expires_at_us
    assert (None if end is None else (end - NOW_US) // 1_000_000) == lives


def test_the_end_of_a_refresh_token() -> None:
    quickbooks = section("quickbooks")
    found = read(token(refresh_token="rt", x_refresh_token_expires_in=8_726_400), quickbooks)
    assert found.refresh_expires_at_us == NOW_US + 8_726_400 * 1_000_000
    assert read(token(refresh_token="rt"), quickbooks).refresh_expires_at_us is None


@for_each_row(
    ("said", "scopes"),
    [
        ("a b", ("a", "b")),
        ("", ()),
        (["a", "b", "a"], ("a", "b")),
        ([], ()),
        (None, None),
        (7, None),
        ({"a": True}, None),
        (["a", 7], None),
    ],
)
def test_scopes(said: Any, scopes: tuple[str, ...] | None) -> None:
    assert read(token(scope=said)).scopes == scopes


def test_scopes_as_entries_have_them() -> None:
    assert read(token(scope="repo,user"), section("github")).scopes == ("repo", "user")
    assert read(token(scope=["user:read:email"]), section("twitch")).scopes == ("user:read:email",)
    assert read(token(scopes="account email"), section("bitbucket-cloud")).scopes == ("account", "email")


@for_each_row(
    ("status", "said", "error", "description"),
    [
        (400, {"error": "invalid_grant", "error_description": "no\nmore"}, "invalid_grant", "no more"),
        (401, {"error": "invalid_client"}, "invalid_client", None),
        (200, {"error": "bad_verification_code"}, "bad_verification_code", None),
        (400, {"error": {"code": "invalid_grant", "message": "gone"}}, "invalid_grant", "gone"),
        (400, {"error": {"type": "OAuthException", "code": 190, "message": "gone"}}, "190", "gone"),
        (400, {"error": "Invalid refresh token"}, "http_400", "Invalid refresh token"),
        (400, {"message": "Bad Request", "error": 400}, "http_400", "Bad Request"),
        (403, {"errorCode": "denied"}, "denied", None),
        (400, {}, "http_400", None),
        (400, b"", "http_400", None),
        (401, b"<html>", "http_401", None),
        (400, b"error=invalid_grant&error_description=no+more", "invalid_grant", "no more"),
        (400, {"error": "x" * 500}, "http_400", "x" * 299 + "…"),
    ],
)
def test_refusals(status: int, said: Any, error: str, description: str | None) -> None:
    with pytest.raises(ProviderRefused) as caught:
        read(said, status=status, content_type=JSON if not isinstance(said, bytes) else "text/plain")
    assert (caught.value.error, caught.value.description) == (error, description)


def test_an_error_in_a_success_counts_where_there_is_no_token_or_the_entry_says_so() -> None:
    assert read(token(error="odd")).access_token == "at"
    with pytest.raises(ProviderRefused):
        read(token(error="odd"), section("github"))


@for_each_row(
    ("provider", "said", "error"),
    [
        ("slack", {"ok": False, "error": "invalid_code"}, "invalid_code"),
        ("slack", {"access_token": "at"}, "unknown_error"),
        ("withings", {"status": 503, "error": "Invalid Params: invalid code"}, "503"),
        ("meta", {"error": {"message": "expired", "type": "OAuthException", "code": 100}}, "100"),
        ("github", {"error": "bad_verification_code", "error_description": "…"}, "bad_verification_code"),
    ],
)
def test_errors_as_entries_have_them(provider: str, said: dict[str, Any], error: str) -> None:
    with pytest.raises(ProviderRefused) as caught:
        read(said, section(provider))
    assert caught.value.error == error


@for_each_row(
    ("status", "said", "was_sent"),
    [
        (429, {"error": "slow_down"}, False),
        (500, {"error": "invalid_grant"}, True),
        (502, b"<html>Bad gateway", True),
        (503, b"", True),
        (404, b"<html>Not found", False),
        (403, b"<html>Blocked by a firewall", False),
        (405, {"message": "nobody knows"}, False),
    ],
)
def test_what_is_no_refusal_leaves_the_grant_alone(status: int, said: Any, was_sent: bool) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        read(said, status=status, retry_after_seconds=7.0)
    assert caught.value.was_sent is was_sent
    assert caught.value.retry_after_seconds == (7.0 if status in {429, 500, 502, 503} else None)


@for_each([301, 304, 199, 600], str)
def test_other_statuses_are_no_answer(status: int) -> None:
    with pytest.raises((ProviderAnswerInvalid, ProviderUnavailable)):
        read(token(), status=status)


def test_errors_repeat_no_secret() -> None:
    for said in ({"error": SECRET}, {"error": "odd", "error_description": f"bad {SECRET}"}, {"message": SECRET}):
        for status in (400, 403, 503):
            with pytest.raises(ProviderError) as caught:
                read(said, status=status, secrets=(SECRET, ""))
            assert SECRET not in f"{caught.value!r} {vars(caught.value)}"


def test_two_tokens_in_one_answer() -> None:
    slack = section("slack")
    person = {"id": "U1", "access_token": "xoxp-1", "refresh_token": "xoxe-1", "scope": "a,b"}
    both = read({"ok": True, "access_token": "xoxb-1", "scope": "c,d", "authed_user": person}, slack)
    assert both.second is not None
    assert (both.access_token, both.scopes) == ("xoxb-1", ("c", "d"))
    assert (both.second.access_token, both.second.scopes, both.second.account_id) == ("xoxp-1", ("a", "b"), "U1")
    alone = read({"ok": True, "authed_user": person | {"expires_in": 60}}, slack)
    assert (alone.access_token, alone.refresh_token, alone.scopes, alone.second) == (
        "xoxp-1",
        "xoxe-1",
        ("a", "b"),
        None,
    )
    assert alone.expires_at_us == NOW_US + 60_000_000
    none = read({"ok": True, "access_token": "xoxb-1", "authed_user": {"id": "U1"}}, slack)
    assert none.second is None


def test_a_token_object_inside_another() -> None:
    found = read(
        {"status": 0, "body": {"access_token": "at", "userid": 363, "expires_in": 10_800}}, section("withings")
    )
    assert (found.access_token, found.kept) == ("at", {"userid": "363"})
    for body in (None, [], "at"):
        with pytest.raises(ProviderAnswerInvalid, match="body"):
            read({"status": 0, "body": body}, section("withings"))


def keeping(kept: Kept, **changes: Any) -> OAuth:
    return replace(PLAIN, answer=Answer(keep={"it": kept}), **changes)


def test_values_are_kept_as_texts_and_secret_ones_apart() -> None:
    keep = {
        "whole": Kept("n"),
        "yes": Kept("y"),
        "deep": Kept("a.b"),
        "hook": Kept("h", secret=True),
        "none": Kept("x"),
        "list": Kept("l"),
        "name": Kept("name"),
    }
    said = token(n=7, y=True, a={"b": "c"}, h="https://hooks.example/s", x=None, l=[1], name="Acme\u00a0Ltd\r\n")
    found = read(said, replace(PLAIN, answer=Answer(keep=keep)))
    assert found.kept == {"whole": "7", "yes": "true", "deep": "c", "name": "Acme Ltd"}
    assert found.secret_kept == {"hook": "https://hooks.example/s"}
    assert "hooks" not in repr(found)


@for_each(
    [
        "https://evil.example",
        "https://salesforce.com.evil.example",
        "https://evil.example/.salesforce.com",
        "https://salesforce.com@evil.example",
        "https://evil.example#.salesforce.com",
        "https://evil.example\\.salesforce.com",
        "http://acme.salesforce.com",
        "javascript://acme.salesforce.com/%0aalert(1)",
        "https://127.0.0.1",
        "https://acme.salesforce.com/../..",
        "https://acme.salesforce.com\r\nX: y",
        "x" * 5000,
    ],
    lambda value: value[:60],
)
def test_no_token_follows_an_answer_to_another_host(host: str) -> None:
    with pytest.raises(ProviderAnswerInvalid) as caught:
        read(token(instance_url=host), section("salesforce"))
    assert host not in str(caught.value)


def test_an_answer_that_does_not_say_where_the_api_is_is_worth_nothing_unless_it_is_known() -> None:
    oauth = keeping(Kept("host", under=("example.org",)), api=ConnectedApi(base_url="https://{it}/v1"))
    with pytest.raises(ProviderAnswerInvalid, match="no host"):
        read(token(), oauth)
    assert read(token(), oauth, known={"it": "api.example.org"}).kept == {}


@given(
    st.sampled_from(ENTRIES),
    st.sampled_from([200, 201, 204, 302, 400, 401, 403, 429, 500]),
    st.sampled_from([JSON, "application/x-www-form-urlencoded", "text/html", "", "\x00; é"]),
    st.binary(max_size=200),
)
def test_any_bytes_are_tokens_or_an_error_of_a_provider(
    oauth: OAuth, status: int, content_type: str, body: bytes
) -> None:
    try:
        read_tokens(oauth, status, content_type, body, NOW_US)
    except ProviderError:
        pass


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("at"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_NAMES = ["access_token", "refresh_token", "id_token", "token_type", "expires_in", "expires_at", "scope", "error", "ok"]
_NAMES += ["error_description", "status", "body", "authed_user", "team", "instance_url", "api_domain", "host"]


@given(
    st.sampled_from(ENTRIES),
    st.sampled_from([200, 400, 404, 503]),
    st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=8),
)
def test_any_document_is_tokens_or_an_error_of_a_provider(oauth: OAuth, status: int, said: dict[str, Any]) -> None:
    try:
        found = read_tokens(oauth, status, JSON, json.dumps(said).encode(), NOW_US)
    except ProviderError:
        return
    assert found.access_token.isascii()
    assert found.expires_at_us is None or found.expires_at_us > NOW_US
