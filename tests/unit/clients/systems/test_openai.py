"""Embeddings against the shapes of OpenAI's API reference: batches, decoding, limits, errors."""

from __future__ import annotations

import base64
import json
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import responses

from gateway.clients import errors
from gateway.clients.retries import RetryPolicy
from gateway.clients.systems.openai import OpenAI, batched
from gateway.errors import InvalidInput

URL = "https://api.openai.com/v1/embeddings"
QUICK = RetryPolicy(first_pause_seconds=0.001, longest_pause_seconds=0.001)


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def client(**options: Any) -> OpenAI:
    return OpenAI("sk-proj-5e1a7c", session=requests.Session(), retries=QUICK, **options)


def packed(numbers: list[float]) -> str:
    floats = array("f", numbers)
    return base64.b64encode(floats.tobytes()).decode()  # the machines of the tests are little-endian


def vectors(
    encode: Callable[[list[float]], object] = packed, headers: dict[str, str] | None = None
) -> Callable[[requests.PreparedRequest], tuple[int, dict[str, str], str]]:
    """Answers with a vector a text, [its length, 0.5], the last one first."""

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        asked = json.loads(request.body or b"")
        data = [
            {"object": "embedding", "index": index, "embedding": encode([float(len(text)), 0.5])}
            for index, text in enumerate(asked["input"])
        ]
        usage = {"prompt_tokens": 2 * len(data), "total_tokens": 2 * len(data)}
        body = {"object": "list", "data": data[::-1], "model": asked["model"], "usage": usage, "new_field": {}}
        return 200, {"Content-Type": "application/json"} | (headers or {}), json.dumps(body)

    return answer


def sent(network: responses.RequestsMock) -> list[dict[str, Any]]:
    return [json.loads(call.request.body) for call in network.calls]


@pytest.mark.parametrize("encode", [packed, list], ids=["base64", "numbers"])
def test_one_text(network: responses.RequestsMock, encode: Callable[[list[float]], object]) -> None:
    network.add_callback("POST", URL, vectors(encode))

    assert client().create_embedding("abc", dimensions=2) == [3.0, 0.5]

    assert sent(network) == [
        {"model": "text-embedding-3-small", "input": ["abc"], "encoding_format": "base64", "dimensions": 2}
    ]
    assert network.calls[0].request.headers["Authorization"] == "Bearer sk-proj-5e1a7c"


def test_many_texts_in_batches_and_in_order(network: responses.RequestsMock) -> None:
    network.add_callback("POST", URL, vectors())
    texts = ["a" * length for length in (1, 2, 3, 4, 20, 5)]

    found = list(client(max_texts=3, max_tokens=10).create_embeddings(iter(texts)))

    assert [vector[0] for vector in found] == [1, 2, 3, 4, 20, 5]
    assert [len(asked["input"]) for asked in sent(network)] == [3, 1, 1, 1]


def test_texts_are_taken_as_they_are_needed(network: responses.RequestsMock) -> None:
    network.add_callback("POST", URL, vectors())
    taken: list[str] = []

    def texts() -> Iterator[str]:
        for text in ("a", "b", "c", "d", "e"):
            taken.append(text)
            yield text

    next(client(max_texts=2).create_embeddings(texts()))

    assert taken == ["a", "b", "c"]


def test_nothing_asks_for_nothing(network: responses.RequestsMock) -> None:
    assert list(client().create_embeddings([])) == []
    assert len(network.calls) == 0


def test_a_text_has_never_more_tokens_than_bytes() -> None:
    assert list(batched(["é" * 3, "abcd"], lambda text: len(text.encode()), max_texts=9, max_tokens=9)) == [
        (["ééé"], 6),
        (["abcd"], 4),
    ]


@pytest.mark.parametrize(("text", "says"), [("", "text 1 is empty"), (None, "text 1"), ("\ud800", "half a character")])
def test_what_has_no_embedding_is_told_with_its_position(text: Any, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        list(client().create_embeddings(["good", text]))


@pytest.mark.parametrize(
    ("status", "code", "type_", "kind", "tries"),
    [
        (401, "invalid_api_key", "invalid_request_error", errors.AuthenticationFailed, 1),
        (429, "insufficient_quota", "insufficient_quota", errors.QuotaExhausted, 1),
        (429, None, "insufficient_quota", errors.QuotaExhausted, 1),
        (429, "rate_limit_exceeded", "tokens", errors.RateLimited, 4),
        (400, None, "invalid_request_error", errors.RequestRefused, 1),
        (500, None, "server_error", errors.Unavailable, 4),
    ],
)
def test_errors(
    network: responses.RequestsMock,
    status: int,
    code: str | None,
    type_: str,
    kind: type[errors.IntegrationError],
    tries: int,
) -> None:
    said = {"message": "Not with sk-proj-5e1a7c.", "type": type_, "param": None, "code": code}
    network.post(URL, status=status, json={"error": said}, headers={"x-request-id": "req_1"})

    with pytest.raises(errors.IntegrationError) as caught:
        client().create_embedding("abc")

    assert type(caught.value) is kind
    assert (caught.value.call.tries, caught.value.call.request_id) == (tries, "req_1")
    assert "sk-proj-5e1a7c" not in f"{caught.value}{caught.value.call}"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "one embedding for each"),
        (None, "one embedding for each"),
        ([{"index": 1, "embedding": [1.0]}], "one embedding for each"),
        ([{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}], "one embedding for each"),
        ([{"index": 0, "embedding": None}], "empty"),
        ([{"index": 0, "embedding": "AAA="}], "neither base64"),
        ([{"index": 0, "embedding": "not base64"}], "neither base64"),
        ([{"index": 0, "embedding": [1.0, None]}], "neither base64"),
        ([{"index": 0, "embedding": packed([float("nan")] * 2)}], "no number"),
        ([{"index": 0, "embedding": [1.0, 2.0, 3.0]}], "3.* where 2"),
    ],
)
def test_what_is_no_embedding_is_not_taken_for_one(network: responses.RequestsMock, data: Any, says: str) -> None:
    network.post(URL, json={"object": "list", "data": data, "model": "m"})

    with pytest.raises(errors.ResponseInvalid, match=says):
        client().create_embedding("abc", dimensions=2)


def test_a_page_for_people_where_json_was_due(network: responses.RequestsMock) -> None:
    network.post(URL, body="<html>Sign in</html>", content_type="text/html")

    with pytest.raises(errors.ResponseInvalid, match="base URL"):
        client().create_embedding("abc")


def test_another_server_that_speaks_it(network: responses.RequestsMock) -> None:
    network.add_callback("POST", "http://models.lan:8080/v1/embeddings", vectors(list))
    own = OpenAI(base_url="http://models.lan:8080/v1", allow_http=True, session=requests.Session())

    embedded = next(own.batches(["abc"], "nomic"))

    assert (embedded.model, embedded.tokens, embedded.tokens_limit) == ("nomic", 2, None)
    assert "Authorization" not in network.calls[0].request.headers


def limits(**changed: str) -> dict[str, str]:
    said = {"limit-requests": "100", "remaining-requests": "99", "reset-requests": "1s"}
    said |= {"limit-tokens": "1000", "remaining-tokens": "900", "reset-tokens": "120ms"}
    said |= {name.replace("_", "-"): value for name, value in changed.items()}
    return {f"x-ratelimit-{name}": value for name, value in said.items()}


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        (limits(), None),
        (limits(remaining_tokens="1", reset_tokens="6m0s"), 360),
        (limits(remaining_requests="0", reset_requests="6m0s"), 360),
        (limits(limit_requests="0", remaining_requests="0", reset_requests="6m0s", remaining_tokens="-1"), None),
        (limits(remaining_tokens="?", reset_requests=""), None),
        ({}, None),
    ],
)
def test_limits_of_headers_are_kept_before_they_are_reached(
    network: responses.RequestsMock, said: dict[str, str], waits: float | None
) -> None:
    network.add_callback("POST", URL, vectors(headers=said))
    batches = client(max_texts=1).batches(["abc", "abc"])

    first = next(batches)

    assert first.tokens == 2
    if waits is None:
        assert next(batches).tokens == 2
    else:
        with pytest.raises(errors.RateLimited, match="not sent") as caught:
            next(batches)
        assert waits - 5 < (caught.value.retry_after_seconds or 0) <= waits
        assert len(network.calls) == 1
