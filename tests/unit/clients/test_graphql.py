"""GraphQL: what is sent, what answers mean, lists to their end; against graphql-core, and against recorded shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import requests
import responses

from gateway.clients import errors
from gateway.clients.auth.base import Bearer, TokenAuth
from gateway.clients.client import ApiClient
from gateway.clients.graphql import GraphQLClient, errors_in
from gateway.clients.graphql_answers import Cost
from gateway.clients.graphql_documents import definitions, is_write
from gateway.clients.retries import RetryPolicy
from tests.unit.clients.conftest import QUICK, TOKEN

URL = "https://acme.example/graphql"
THINGS = """
query($first: Int!, $after: String) {
  things(first: $first, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } }
}
"""
ADD = 'mutation { add(name: "a") { id } }'
Told = Callable[..., GraphQLClient]


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def told(network: responses.RequestsMock) -> Told:
    """A client whose system gives these answers, the last one again and again."""

    def make(
        *answers: object, status: int = 200, headers: dict[str, str] | None = None, **options: Any
    ) -> GraphQLClient:
        for answer in answers:
            network.post(URL, json=answer, status=status, headers=headers)
        given: dict[str, Any] = {"auth": Bearer(TOKEN), "retries": QUICK, "sleep": lambda seconds: None}
        return GraphQLClient(ApiClient(URL, system="acme", session=requests.Session(), **given | options))

    return make


def sent(network: responses.RequestsMock) -> list[Any]:
    return [orjson.loads(call.request.body or b"") for call in network.calls]


def connection(*ids: object, following: str | None) -> dict[str, object]:
    nodes = [{"id": one} if one is not None else None for one in ids]
    info = {"hasNextPage": following is not None, "endCursor": following}
    return {"data": {"things": {"nodes": nodes, "pageInfo": info}}}


def test_variables_and_the_operation_are_sent_beside_the_document(told: Told, network: responses.RequestsMock) -> None:
    document = "query A { a } query B($x: Int) { b(x: $x) }"

    answer = told({"data": {"b": 1}}).execute(document, {"x": 1}, operation_name="B")

    assert sent(network) == [{"query": document, "variables": {"x": 1}, "operationName": "B"}]
    assert (answer.data, answer.errors, answer.cost) == ({"b": 1}, (), None)


DOCUMENTS = {
    "{ a }": ["query"],
    "query A($x: In = {mutation: [{y: 1}]}) @d(if: true) { a(x: $x) { b } } fragment F on T { c }": [
        "query",
        "fragment",
    ],
    '# mutation { a }\nquery { a(text: "} mutation { b }") }': ["query"],
    'query { a(text: """ } mutation { "x" \\""" C:\\\\ """) }': ["query"],
    'query { a(text: """C:\\\\""" } mutation { b }"""), c }': ["query"],
    "query mutation { a } mutation subscription { b }": ["query", "mutation"],
    "fragment F on T { c } mutation { ...F }": ["fragment", "mutation"],
}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_does_is_what_a_parser_says(document: str) -> None:
    from graphql import parse

    parsed = [getattr(one, "operation", None) for one in parse(document).definitions]

    assert definitions(document) == DOCUMENTS[document]
    assert definitions(document) == [one.value if one is not None else "fragment" for one in parsed]
    assert is_write(document) == ("mutation" in DOCUMENTS[document])


@pytest.mark.parametrize("document", ["", "# nothing", "fragment F on T { c }", "subscription { a }"])
def test_what_cannot_be_executed_is_refused(told: Told, document: str) -> None:
    with pytest.raises(ValueError, match=r"document|subscription"):
        told().execute(document)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (
            {"type": "NOT_FOUND", "path": ["repository"], "message": "Could not resolve"},
            errors.RemoteNotFound,
            "NOT_FOUND",
        ),
        ({"type": "FORBIDDEN", "extensions": {"saml_failure": False}}, errors.AuthorizationFailed, "FORBIDDEN"),
        ({"message": "no", "extensions": {"code": "UNAUTHENTICATED"}}, errors.AuthenticationFailed, "UNAUTHENTICATED"),
        (
            {"message": "no", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}},
            errors.RequestRefused,
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            {"message": "oops", "extensions": {"code": "INTERNAL_SERVER_ERROR"}},
            errors.Unavailable,
            "INTERNAL_SERVER_ERROR",
        ),
        ({"message": "Something went wrong. This may be the result of a timeout"}, errors.Unavailable, None),
        ({"message": "no", "type": 7, "extensions": {"code": "a\nb"}}, errors.RequestRefused, None),
        ("a text", errors.RequestRefused, None),
    ],
)
def test_errors_inside_200_are_errors(
    told: Told, error: object, kind: type[errors.IntegrationError], code: str | None
) -> None:
    client = told({"data": None, "errors": [error, {"message": "another"}]}, retries=RetryPolicy(max_tries=1))

    with pytest.raises(errors.IntegrationError, match=r"^acme: .*\(and 1 more\)") as caught:
        client.execute("{ a }", partial=True)

    assert type(caught.value) is kind
    assert (caught.value.call.vendor_code, caught.value.call.status) == (code, 200)


@pytest.mark.parametrize(
    ("body", "headers", "wait"),
    [
        ({"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}, {"Retry-After": "90"}, 90),
        (
            {
                "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
                "extensions": {
                    "cost": {
                        "requestedQueryCost": 1100,
                        "throttleStatus": {"maximumAvailable": 2000, "currentlyAvailable": 100, "restoreRate": 10},
                    }
                },
            },
            {},
            100,
        ),
        ({"data": None, "errors": [{"message": "slow down", "extensions": {"code": "RATELIMITED"}}]}, {}, None),
    ],
)
def test_limits_are_told_inside_200(told: Told, body: object, headers: dict[str, str], wait: float | None) -> None:
    with pytest.raises(errors.RateLimited) as caught:
        told(body, headers=headers, retries=RetryPolicy(max_tries=1)).execute("{ a }")

    assert caught.value.retry_after_seconds == wait


def test_queries_are_sent_again_and_mutations_only_with_a_key(told: Told, network: responses.RequestsMock) -> None:
    sick = {"errors": [{"message": "oops", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}

    assert told(sick, {"data": {"a": 1}}).execute("{ a }").answer.tries == 2
    network.reset()
    with pytest.raises(errors.Unavailable) as caught:
        told(sick, {"data": {"a": 1}}).execute(ADD)
    assert (caught.value.call.tries, caught.value.call.may_have_happened) == (1, True)
    network.reset()
    client = told(sick, {"data": {"a": 1}}, idempotency_header="Idempotency-Key")
    assert client.execute(ADD, idempotency_key="k").answer.tries == 2
    assert [call.request.headers["Idempotency-Key"] for call in network.calls] == ["k", "k"]


def test_a_mutation_that_was_carried_out_in_part_is_not_sent_again(told: Told, network: responses.RequestsMock) -> None:
    limited = {
        "data": {"a": {"id": 1}, "b": None},
        "errors": [{"type": "RATE_LIMITED", "message": "no", "path": ["b"]}],
    }

    with pytest.raises(errors.RateLimited) as caught:
        told(limited).execute("mutation { a: add(x: 1) { id } b: add(x: 2) { id } }")

    assert caught.value.call.may_have_happened
    assert len(network.calls) == 1


def test_a_token_is_renewed_once_for_an_error_inside_200(told: Told, network: responses.RequestsMock) -> None:
    class Source:
        tokens = ("old-token", "new-token")
        at = 0

        def token(self) -> str:
            return self.tokens[self.at]

        def renew(self, refused: str) -> bool:
            self.at = 1
            return True

    expired = {"errors": [{"message": "token expired", "extensions": {"code": "UNAUTHENTICATED"}}]}

    told(expired, {"data": {"a": 1}}, auth=TokenAuth(Source())).execute("{ a }")

    assert [call.request.headers["Authorization"] for call in network.calls] == ["Bearer old-token", "Bearer new-token"]


@pytest.mark.parametrize(
    ("body", "content_type", "hint"),
    [
        ("<html>Sign in</html>", "text/html", "login is wanted"),
        ('{"data":{"a"', "application/json", "not all of it"),
        ("[]", "application/json", "not one of GraphQL"),
        ('{"message":"hello"}', "application/json", "not one of GraphQL"),
        ('{"data":null}', "application/json", "neither data nor an error"),
    ],
)
def test_what_is_no_answer_is_told(
    told: Told, network: responses.RequestsMock, body: str, content_type: str, hint: str
) -> None:
    network.post(URL, body=body, content_type=content_type)

    with pytest.raises(errors.ResponseInvalid, match=hint):
        told().execute("{ a }", partial=True)


def test_errors_with_a_status_say_more_than_it(told: Told) -> None:
    body = {"errors": [{"message": "log in", "extensions": {"code": "UNAUTHENTICATED"}}]}

    with pytest.raises(errors.AuthenticationFailed, match="log in"):
        told(body, status=400).execute("{ a }")
    with pytest.raises(errors.AuthorizationFailed):
        told({"errors": [{"message": "no"}]}, status=403).execute("{ a }")


def test_a_secret_that_comes_back_is_not_told(told: Told) -> None:
    echoed = {"errors": [{"message": f"bad token {TOKEN} and ghp_{'a' * 36}", "extensions": {"code": "FORBIDDEN"}}]}

    with pytest.raises(errors.AuthorizationFailed, match="bad token") as caught:
        told(echoed).execute("{ a }")

    shown = f"{caught.value}{caught.value.call}"
    assert TOKEN not in shown
    assert "ghp_" not in shown


def test_the_cost_is_told(told: Told) -> None:
    of_github = {"data": {"a": 1, "rateLimit": {"cost": 1, "remaining": 4999, "resetAt": "2026-11-27T13:00:00Z"}}}
    of_shopify = {
        "data": {"a": 1},
        "extensions": {
            "cost": {
                "requestedQueryCost": 12,
                "actualQueryCost": 7,
                "throttleStatus": {"maximumAvailable": 2000, "currentlyAvailable": 1993, "restoreRate": 100},
            }
        },
    }
    client = told(of_github, of_shopify)

    first = client.execute("{ a rateLimit { cost remaining resetAt } }").cost
    assert first == Cost(points=1, remaining=4999, reset_at=datetime(2026, 11, 27, 13, tzinfo=UTC))
    assert client.execute("{ a }").cost == Cost(points=7, remaining=1993, limit=2000, restore_per_second=100)


def test_a_list_is_read_to_its_end(told: Told, network: responses.RequestsMock) -> None:
    client = told(
        connection("1", None, "2", following="c1"), connection(following="c2"), connection("3", following=None)
    )

    pages = list(client.pages(THINGS, "things", {"owner": "o"}, size=3))

    assert [[one["id"] for one in page.records] for page in pages] == [["1", "2"], [], ["3"]]
    assert [one["variables"] for one in sent(network)] == [
        {"owner": "o", "first": 3},
        {"owner": "o", "first": 3, "after": "c1"},
        {"owner": "o", "first": 3, "after": "c2"},
    ]
    resumed = client.records(THINGS, "things", start=pages[1].following)
    assert [one["id"] for one in resumed] == ["3"]
    assert sent(network)[-1]["variables"] == {"first": 100, "after": "c2"}


def test_edges_stand_in_for_nodes_and_errors_beside_pages_are_kept(told: Told) -> None:
    body = {
        "data": {"a": {"b": {"edges": [{"node": {"id": "1"}}, {"node": None}], "pageInfo": {"hasNextPage": False}}}},
        "errors": [{"message": "hidden", "type": "FORBIDDEN", "path": ["a", "b", "edges", 1, "node"]}],
    }

    (page,) = told(body).pages(THINGS, "a.b", partial=True)

    assert page.records == [{"id": "1"}]
    assert [one.path for one in errors_in(page)] == [("a", "b", "edges", 1, "node")]
    with pytest.raises(errors.AuthorizationFailed):
        list(told(body).pages(THINGS, "a.b"))


@pytest.mark.parametrize(
    ("answers", "kind", "hint"),
    [
        ([connection("1", following="c1")], errors.ProtocolFault, "read already"),
        ([{"data": {"things": None}}], errors.ResponseInvalid, "no connection at things"),
        ([{"data": {"things": {"nodes": []}}}], errors.ResponseInvalid, "no pageInfo"),
        (
            [{"data": {"things": {"nodes": [], "pageInfo": {"hasNextPage": True}}}}],
            errors.ResponseInvalid,
            "no endCursor",
        ),
        (
            [{"data": {"things": {"pageInfo": {"hasNextPage": False}}}}],
            errors.ResponseInvalid,
            "neither nodes nor edges",
        ),
    ],
)
def test_lists_that_are_none_are_told(told: Told, answers: list[object], kind: type[Exception], hint: str) -> None:
    with pytest.raises(kind, match=hint):
        list(told(*answers).pages(THINGS, "things"))


def test_pages_are_halved_down_to_one_and_then_given_up(told: Told, network: responses.RequestsMock) -> None:
    slow = {"data": None, "errors": [{"message": "This may be the result of a timeout."}]}

    with pytest.raises(errors.Unavailable) as caught:
        list(told(slow, retries=RetryPolicy(max_tries=1)).pages(THINGS, "things", size=5))

    assert [one["variables"]["first"] for one in sent(network)] == [5, 2, 1]
    assert caught.value.retryable


def test_a_list_is_read_by_a_query(told: Told) -> None:
    with pytest.raises(ValueError, match="mutation"):
        list(told().pages(ADD, "things"))
    with pytest.raises(ValueError, match="at least one"):
        list(told().pages(THINGS, "things", size=0))
