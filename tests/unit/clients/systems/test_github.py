"""GitHub, against the shapes of its documentation: lists, errors, limits, conditional requests, apps, writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import jwt
import orjson
import pytest
import requests
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from responses.matchers import header_matcher, query_param_matcher

from gateway.clients import errors
from gateway.clients.auth.base import TokenAuth
from gateway.clients.retries import NO_RETRIES
from gateway.clients.systems.github import GitHub
from gateway.clients.systems.github_app import app_assertion, installation
from gateway.clients.systems.github_limits import SecondaryLimit
from gateway.clock import MICROSECONDS, FakeClock
from tests.services.keys import rsa_key
from tests.unit.clients.conftest import QUICK

API = "https://api.github.com"
TOKEN = "token-of-test-77"
AT = "2026-11-27T12:00:00Z"
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ISSUE = {
    "id": 1,
    "node_id": "I_1",
    "number": 1347,
    "title": "Found a bug",
    "body": None,
    "state": "open",
    "labels": [{"id": 208045946, "name": "bug"}, "old"],
    "user": None,
    "html_url": "https://github.com/octo/hello/issues/1347",
    "created_at": AT,
    "updated_at": AT,
    "closed_at": None,
    "sub_issues_summary": {"total": 0},
}
REPOSITORY = {
    "id": "1296269",
    "node_id": "R_1",
    "full_name": "octo/hello",
    "private": False,
    "default_branch": "main",
    "html_url": "https://github.com/octo/hello",
    "updated_at": None,
}
HOOK = {
    "id": 12345678,
    "active": True,
    "events": ["push"],
    "config": {"url": "https://example.com/webhook", "content_type": "json", "insecure_ssl": "0", "secret": "********"},
    "last_response": {"code": None, "status": "unused", "message": None},
}
DELIVERY = {
    "id": 7,
    "guid": "0b989ba4-242f-11e5-81e1-c7b6966d2516",
    "delivered_at": AT,
    "redelivery": False,
    "duration": 0.27,
    "status": "issue opened",
    "status_code": 502,
    "event": "issues",
    "action": None,
}
PULL = ISSUE | {
    "draft": True,
    "head": {"ref": "topic", "sha": "6dcb09b5", "repo": None},
    "base": {"ref": "main", "sha": "0d1a26e6"},
    "merged_at": AT,
}
COMMIT = {
    "sha": "6dcb09b5",
    "html_url": "https://github.com/octo/hello/commit/6dcb09b5",
    "author": None,
    "commit": {"message": "Fix all the bugs", "committer": {"name": "M", "date": AT}},
    "parents": [{"sha": "553c2077"}],
}
Make = Callable[..., GitHub]


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def make(clock: FakeClock) -> Make:
    def made(credential: Any = TOKEN, **options: Any) -> GitHub:
        given: dict[str, Any] = {
            "session": requests.Session(),
            "clock": clock,
            "sleep": clock.advance,
            "retries": QUICK,
        }
        return GitHub(credential, **given | options)

    return made


def seconds(clock: FakeClock) -> int:
    return clock.now_us() // MICROSECONDS


def test_issues_are_read_to_their_end_without_pull_requests(network: responses.RequestsMock, make: Make) -> None:
    first = {
        "per_page": "100",
        "state": "all",
        "since": "2026-11-27T10:00:00Z",
        "sort": "updated",
        "direction": "asc",
    }
    following = f"{API}/repositories/1296269/issues?page=2"
    network.get(
        f"{API}/repos/octo/hello/issues",
        json=[ISSUE, ISSUE | {"number": 2, "pull_request": {"url": "…"}}],
        headers={"Link": f'<{following}>; rel="next", <{following}>; rel="last"'},
        match=[query_param_matcher(first)],
    )
    network.get(
        following, json=[ISSUE | {"number": 3, "user": {"login": "ada"}}], match=[query_param_matcher({"page": "2"})]
    )
    since = datetime.fromisoformat("2026-11-27T11:00:00+01:00")

    one, other = make().issues("octo/hello", since=since)

    assert (one.number, one.author, one.body, one.labels, one.updated_at) == (1347, None, None, ("bug", "old"), NOW)
    assert one.record["sub_issues_summary"] == {"total": 0}
    assert (other.number, other.author) == (3, "ada")
    asked = network.calls[0].request.headers
    assert asked["Authorization"] == f"Bearer {TOKEN}"
    assert asked["X-GitHub-Api-Version"] == "2022-11-28"
    assert asked["User-Agent"]


def test_every_record_becomes_a_value(network: responses.RequestsMock, make: Make) -> None:
    here = f"{API}/repos/octo/hello"
    network.get(here, json=REPOSITORY)
    network.get(f"{API}/orgs/octo/repos", json=[])
    network.get(f"{API}/user/repos", json=[REPOSITORY])
    network.get(f"{API}/installation/repositories", json={"total_count": 1, "repositories": [REPOSITORY]})
    network.get(f"{here}/issues/1347", json=ISSUE)
    network.get(f"{here}/pulls", json=[PULL])
    network.get(f"{here}/pulls/1347", json=PULL)
    network.get(f"{here}/commits", json=[COMMIT])
    network.get(f"{here}/commits/topic%2Fone", json=COMMIT)
    network.get(f"{here}/hooks", json=[HOOK])
    network.get(f"{here}/hooks/12345678/deliveries", json=[DELIVERY])
    github = make()

    repository = github.repository("octo/hello")
    assert (repository.id, repository.updated_at) == (1296269, None)
    assert list(github.repositories("octo")) == []
    assert list(github.repositories()) == list(github.installation_repositories()) == [repository]
    assert github.issue("octo/hello", 1347).state == "open"
    (pull,) = github.pull_requests("octo/hello", base="main")
    assert pull == github.pull_request("octo/hello", 1347)
    assert (pull.is_draft, pull.head, pull.head_sha, pull.base, pull.merged_at) == (
        True,
        "topic",
        "6dcb09b5",
        "main",
        NOW,
    )
    (commit,) = github.commits("octo/hello", until=NOW)
    assert commit == github.commit("octo/hello", "topic/one")
    assert (commit.author, commit.committed_at, commit.parents) == (None, NOW, ("553c2077",))
    (hook,) = github.hooks("octo/hello")
    assert (hook.url, hook.events, hook.last_status) == ("https://example.com/webhook", ("push",), None)
    (delivery,) = github.deliveries("octo/hello", hook.id)
    assert (delivery.status_code, delivery.is_redelivery, delivery.action) == (502, False, None)


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ([], "issue"),
        (ISSUE | {"title": None}, "title"),
        (ISSUE | {"number": True}, "number"),
        (ISSUE | {"updated_at": "yesterday"}, "updated_at"),
        (ISSUE | {"updated_at": "2026-11-27T12:00:00"}, "time zone"),
    ],
)
def test_a_record_of_another_shape_is_told(
    network: responses.RequestsMock, make: Make, body: object, hint: str
) -> None:
    network.get(f"{API}/repos/octo/hello/issues/1", json=body)

    with pytest.raises(errors.ResponseInvalid, match=hint):
        make().issue("octo/hello", 1)


def test_names_that_are_none_and_times_without_zone_are_refused(make: Make) -> None:
    for name in ("hello", "octo/hello/issues", "octo/", "../x/y", "octo/a b"):
        with pytest.raises(ValueError, match="owner/name"):
            make().repository(name)
    with pytest.raises(ValueError, match="time zone"):
        list(make().issues("octo/hello", since=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_writes_are_sent_as_github_takes_them(network: responses.RequestsMock, make: Make) -> None:
    here = f"{API}/repos/octo/hello"
    comment = {k: ISSUE[k] for k in ("id", "user", "html_url", "created_at", "updated_at")} | {"body": "me too"}
    network.post(f"{here}/issues", json=ISSUE, status=201)
    network.patch(f"{here}/issues/1347", json=ISSUE)
    network.post(f"{here}/issues/1347/comments", json=comment, status=201)
    network.post(f"{here}/pulls", json=PULL, status=201)
    network.post(f"{here}/hooks", json=HOOK, status=201)
    network.post(f"{here}/hooks/12345678/pings", status=204)
    network.post(f"{here}/hooks/12345678/deliveries/7/attempts", json={}, status=202)
    network.delete(f"{here}/hooks/12345678", status=204)
    github = make()

    assert github.create_issue("octo/hello", "Found a bug", labels=["bug"]).number == 1347
    github.update_issue("octo/hello", 1347, state="closed", milestone=None)
    assert github.create_comment("octo/hello", 1347, "me too").body == "me too"
    github.create_pull_request("octo/hello", "New", head="topic", base="main")
    hook = github.create_hook("octo/hello", "https://example.com/webhook", secret="s3cr3t", events=["issues"])
    github.ping_hook("octo/hello", hook.id)
    github.redeliver("octo/hello", hook.id, 7)
    github.delete_hook("octo/hello", hook.id)

    sent = [orjson.loads(call.request.body) if call.request.body else None for call in network.calls]
    assert sent == [
        {"title": "Found a bug", "labels": ["bug"]},
        {"state": "closed", "milestone": None},
        {"body": "me too"},
        {"title": "New", "head": "topic", "base": "main"},
        {
            "name": "web",
            "active": True,
            "events": ["issues"],
            "config": {
                "url": "https://example.com/webhook",
                "content_type": "json",
                "secret": "s3cr3t",
                "insecure_ssl": "0",
            },
        },
        None,
        None,
        None,
    ]


FAULTS: dict[str, tuple[int, dict[str, str], Any, type[errors.IntegrationError], float | None, str]] = {
    "credentials": (401, {}, {"message": "Bad credentials"}, errors.AuthenticationFailed, None, "Bad credentials"),
    "scope": (
        403,
        {"X-RateLimit-Remaining": "4999"},
        {"message": "Resource not accessible by integration"},
        errors.AuthorizationFailed,
        None,
        "not accessible",
    ),
    "hidden": (404, {}, {"message": "Not Found", "status": "404"}, errors.RemoteNotFound, None, "Not Found"),
    "deleted": (410, {}, {"message": "This issue was deleted"}, errors.RemoteNotFound, None, "deleted"),
    "sha": (409, {}, {"message": "is at 6dcb09b5 but expected 0d1a26e6"}, errors.RemoteConflict, None, "expected"),
    "field": (
        422,
        {},
        {"message": "Validation Failed", "errors": [{"resource": "Issue", "field": "title", "code": "missing_field"}]},
        errors.RequestRefused,
        None,
        "Issue.title missing_field",
    ),
    "there already": (
        422,
        {},
        {
            "message": "Validation Failed",
            "errors": [{"resource": "Hook", "code": "custom", "message": "Hook already exists on this repository"}],
        },
        errors.RemoteConflict,
        None,
        "Hook already exists",
    ),
    "in words": (422, {}, {"message": "Invalid", "errors": ["No commits"]}, errors.RequestRefused, None, "No commits"),
    "no fields": (422, {}, {"message": "Reference exists"}, errors.RequestRefused, None, "Reference exists"),
    "primary": (
        403,
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 1800)},
        {"message": "API rate limit exceeded"},
        errors.RateLimited,
        1800,
        "limit",
    ),
    "retry-after": (
        429,
        {"Retry-After": "120", "X-RateLimit-Remaining": "17"},
        {"message": "You have exceeded a secondary rate limit."},
        errors.RateLimited,
        120,
        "secondary",
    ),
    "secondary": (
        403,
        {"X-RateLimit-Remaining": "17"},
        {"message": "You have exceeded a secondary rate limit."},
        errors.RateLimited,
        60,
        "secondary",
    ),
    "without a word": (429, {}, "", errors.RateLimited, 60, "too many"),
    "sick": (503, {}, {"message": "Unavailable"}, errors.Unavailable, None, "Unavailable"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_errors_are_what_github_means(network: responses.RequestsMock, make: Make, name: str) -> None:
    status, headers, body, kind, wait, said = FAULTS[name]
    headers = {"X-GitHub-Request-Id": "C0DE:1"} | headers
    network.get(f"{API}/repos/octo/hello", status=status, headers=headers, body=orjson.dumps(body))

    with pytest.raises(errors.IntegrationError, match=said) as caught:
        make(retries=NO_RETRIES).repository("octo/hello")

    assert type(caught.value) is kind
    assert caught.value.retry_after_seconds == wait
    assert (caught.value.call.status, caught.value.call.request_id) == (status, "C0DE:1")


def test_after_a_secondary_limit_nothing_is_sent_for_a_minute(
    network: responses.RequestsMock, make: Make, clock: FakeClock
) -> None:
    network.get(f"{API}/repos/octo/hello", status=403, json={"message": "You have exceeded a secondary rate limit"})
    github = make()

    for wait in (60, 120):
        with pytest.raises(errors.RateLimited) as caught:
            github.repository("octo/hello")
        assert caught.value.retry_after_seconds == wait
        with pytest.raises(errors.RateLimited, match="not sent"):
            github.repository("octo/hello")
        clock.advance(wait + 1)

    assert len(network.calls) == 2


def test_the_wait_grows_while_it_is_too_short_and_begins_anew() -> None:
    limit = SecondaryLimit()

    # Two that were on their way together, then one after each wait, then one much later.
    assert [limit.wait_seconds(at) for at in (0, 1, 62, 190, 2000)] == [60, 60, 120, 240, 60]
    assert [limit.wait_seconds(2000 + 1000 * n) for n in range(1, 3)] == [60, 60]


def test_what_did_not_change_is_asked_for_by_its_etag(network: responses.RequestsMock, make: Make) -> None:
    url = f"{API}/repos/octo/hello/issues"
    following = f"{API}/repositories/1/issues?page=2"
    link = {"Link": f'<{following}>; rel="next"'}
    network.get(url, json=[ISSUE], headers={"ETag": 'W/"1"', "X-RateLimit-Remaining": "9"} | link)
    network.get(following, json=[ISSUE | {"number": 2}], headers={"ETag": 'W/"2"'})
    github = make()
    before = list(github.issues("octo/hello"))
    network.reset()
    network.get(
        url, status=304, headers={"X-RateLimit-Remaining": "8"}, match=[header_matcher({"If-None-Match": 'W/"1"'})]
    )
    network.get(following, json=[ISSUE | {"number": 3}], match=[header_matcher({"If-None-Match": 'W/"2"'})])

    after = list(github.issues("octo/hello"))

    assert [one.number for one in before] == [1347, 2]
    assert [one.number for one in after] == [1347, 3]
    network.reset()
    network.get(url, json=[])
    assert list(make().issues("octo/hello")) == []
    assert "If-None-Match" not in network.calls[0].request.headers


def test_writes_go_one_after_the_other_a_second_apart(
    network: responses.RequestsMock, make: Make, clock: FakeClock
) -> None:
    under_way: list[int] = []
    at: list[float] = []
    together = threading.Barrier(4)

    def answer(request: object) -> tuple[int, dict[str, str], str]:
        under_way.append(1)
        assert len(under_way) == 1
        at.append(clock.monotonic())
        under_way.pop()
        return 200, {}, '{"data": {"a": 1}}' if "graphql" in str(request.url) else "{}"  # type: ignore[attr-defined]

    network.add_callback("POST", f"{API}/repos/octo/hello/hooks/1/pings", answer)
    network.add_callback("POST", f"{API}/graphql", answer)
    github = make()

    def write(number: int) -> None:
        together.wait()
        if number % 2:
            github.ping_hook("octo/hello", 1)
        else:
            github.graphql.execute("mutation { a }")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [later - earlier for earlier, later in pairwise(at)] == [1.0, 1.0, 1.0]
    before = clock.monotonic()
    github.graphql.execute("{ a }")
    assert clock.monotonic() == before


def test_graphql_is_limited_apart_from_rest(network: responses.RequestsMock, make: Make, clock: FakeClock) -> None:
    limited = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1."}]}
    reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(seconds(clock) + 900)}
    network.post(f"{API}/graphql", json=limited, headers=reset)
    network.get(f"{API}/repos/octo/hello", json=REPOSITORY)
    github = make()

    with pytest.raises(errors.RateLimited) as caught:
        github.graphql.execute("{ viewer { login } }")
    assert caught.value.retry_after_seconds == 900
    assert github.repository("octo/hello").id == 1296269

    network.replace(responses.POST, f"{API}/graphql", json=limited)
    clock.advance(901)
    with pytest.raises(errors.RateLimited) as caught:
        github.graphql.execute("{ viewer { login } }")
    assert caught.value.retry_after_seconds == 60


def test_a_server_of_ones_own(network: responses.RequestsMock, make: Make) -> None:
    network.get("https://git.example/api/v3/repos/octo/hello", json=REPOSITORY)
    network.post("https://git.example/api/graphql", json={"data": {"a": 1}})

    with make(base_url="https://git.example/api/v3") as github:
        assert github.repository("octo/hello").full_name == "octo/hello"
        assert github.graphql.execute("{ a }").data == {"a": 1}


def test_renamed_repositories_are_followed_and_no_further(network: responses.RequestsMock, make: Make) -> None:
    network.get(f"{API}/repos/octo/old", status=301, headers={"Location": f"{API}/repositories/1296269"})
    network.get(f"{API}/repositories/1296269", json=REPOSITORY)
    network.get(f"{API}/repos/octo/away", status=301, headers={"Location": "https://evil.example/x"})

    assert make().repository("octo/old").full_name == "octo/hello"
    with pytest.raises(errors.ProtocolFault, match="another origin"):
        make().repository("octo/away")


def test_a_page_for_people_and_a_secret_that_comes_back(network: responses.RequestsMock, make: Make) -> None:
    network.get(f"{API}/repos/octo/login", body="<html>Sign in</html>", content_type="text/html")
    network.get(f"{API}/repos/octo/echo", status=403, json={"message": f"{TOKEN} may not"})

    with pytest.raises(errors.ResponseInvalid, match="a login is wanted"):
        make().repository("octo/login")
    with pytest.raises(errors.AuthorizationFailed, match="may not") as caught:
        make().repository("octo/echo")
    assert TOKEN not in f"{caught.value}{caught.value.call}"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa_key()


@pytest.fixture
def tokens(network: responses.RequestsMock, clock: FakeClock, key: rsa.RSAPrivateKey) -> Any:
    """The tokens of installation 17."""
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return installation(
        app_assertion("Iv23abc", pem, clock=clock),
        17,
        repositories=["hello"],
        permissions={"issues": "read"},
        clock=clock,
        session=requests.Session(),
        sleep=clock.advance,
        retries=QUICK,
    )


TOKENS = f"{API}/app/installations/17/access_tokens"


def given(clock: FakeClock, name: str, lasts: int = 3600) -> dict[str, str]:
    ends_at = datetime.fromtimestamp(seconds(clock) + lasts, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"token": name, "expires_at": ends_at, "repository_selection": "selected"}


def test_an_app_gets_the_token_of_an_installation_and_keeps_it(
    network: responses.RequestsMock, clock: FakeClock, tokens: Any, key: rsa.RSAPrivateKey
) -> None:
    network.post(TOKENS, json=given(clock, "ghs_one"), status=201)

    assert [tokens.token(), tokens.token()] == ["ghs_one"] * 2
    clock.advance(3600 - 301)
    assert tokens.token() == "ghs_one"
    network.replace(responses.POST, TOKENS, json=given(clock, "ghs_two"), status=201)
    clock.advance(2)
    assert tokens.token() == "ghs_two"

    (first, second) = (call.request for call in network.calls)
    assert orjson.loads(first.body or b"") == {"repositories": ["hello"], "permissions": {"issues": "read"}}
    options: Any = {"verify_exp": False, "verify_iat": False}
    assertion = first.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(assertion, key.public_key(), algorithms=["RS256"], options=options)
    assert claims["iss"] == "Iv23abc"
    assert claims["iat"] == int(NOW.timestamp()) - 60
    assert claims["exp"] - claims["iat"] == 600
    assert second.headers["Authorization"] != first.headers["Authorization"]
    assert "ghs_" not in repr(tokens)


def test_a_token_ends_by_githubs_clock(network: responses.RequestsMock, clock: FakeClock, tokens: Any) -> None:
    body, date = given(clock, "ghs_one"), NOW.strftime("%a, %d %b %Y %H:%M:%S GMT")
    network.post(TOKENS, json=body, status=201, headers={"Date": date})
    clock.jump(7200)

    assert tokens.token() == "ghs_one"
    clock.advance(3000)
    assert tokens.token() == "ghs_one"
    assert len(network.calls) == 1


def test_an_expired_token_is_renewed_once(
    network: responses.RequestsMock, clock: FakeClock, tokens: Any, make: Make
) -> None:
    network.post(TOKENS, json=given(clock, "ghs_one"), status=201)
    network.post(TOKENS, json=given(clock, "ghs_two"), status=201)
    url = f"{API}/repos/octo/hello"
    network.get(url, json=REPOSITORY, match=[header_matcher({"Authorization": "Bearer ghs_two"})])
    network.get(url, status=401, json={"message": "Bad credentials"})

    assert make(tokens).repository("octo/hello").id == 1296269
    assert [call.request.method for call in network.calls] == ["POST", "GET", "POST", "GET"]
    network.remove(responses.GET, url)
    network.get(url, status=401, json={"message": "Bad credentials"})
    with pytest.raises(errors.AuthenticationFailed):
        make(TokenAuth(tokens)).repository("octo/hello")


@pytest.mark.parametrize(
    ("status", "body", "kind", "hint", "asked"),
    [
        (
            401,
            {"message": "'Expiration time' claim ('exp') is too far in the future"},
            "AuthenticationFailed",
            "exp",
            2,
        ),
        (403, {"message": "This installation has been suspended"}, "AuthenticationFailed", "suspended", 1),
        (404, {"message": "Not Found"}, "AuthenticationFailed", "installation 17 is gone", 1),
        (201, {"token": "ghs_one"}, "ResponseInvalid", "no token with its end", 1),
        (201, {"token": 7, "expires_at": AT}, "ResponseInvalid", "no token", 1),
    ],
)
def test_an_installation_without_a_token_is_told(
    network: responses.RequestsMock,
    tokens: Any,
    make: Make,
    status: int,
    body: object,
    kind: str,
    hint: str,
    asked: int,
) -> None:
    network.post(TOKENS, json=body, status=status)

    with pytest.raises(errors.IntegrationError, match=hint) as caught:
        make(tokens).repository("octo/hello")

    assert type(caught.value) is getattr(errors, kind)
    assert len(network.calls) == asked
