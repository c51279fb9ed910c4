"""Answers from a cassette: which one is given, what is refused, what is masked."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gateway.clients.auth.base import ApiKey, Bearer
from gateway.clients.cassettes.comparing import differences
from gateway.clients.cassettes.exchanges import (
    CassetteError,
    Exchange,
    Recorded,
    Request,
    read_cassette,
    write_cassette,
)
from gateway.clients.cassettes.masking import Mask
from gateway.clients.cassettes.session import RecordedSession, UnrecordedRequest
from gateway.clients.client import ApiClient
from gateway.clients.errors import RemoteNotFound
from gateway.clients.paging.styles import Cursor
from gateway.clients.retries import RetryPolicy
from gateway.clients.values import Call
from tests.services.markdown import fences, read

BASE = "https://api.acme.example/v2"
JSON = (("Content-Type", "application/json"),)
FORM = "application/x-www-form-urlencoded"


def exchange(
    method: str, path: str, body: bytes = b"", *, status: int = 200, sent: bytes = b"", type_: str = ""
) -> Exchange:
    return Exchange(Request(method, BASE + path, type_, sent), Recorded(status, JSON, body))


def acme(path: Path, *exchanges: Exchange, **options: object) -> ApiClient:
    write_cassette(path, exchanges)
    session = RecordedSession(path, **options)  # type: ignore[arg-type]
    quick = RetryPolicy(first_pause_seconds=0.001, longest_pause_seconds=0.001)
    return ApiClient(BASE, auth=Bearer("another-token"), session=session, retries=quick)


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return tmp_path / "acme.yaml"


def test_the_same_request_gets_its_answers_one_after_another_and_the_last_for_ever(cassette: Path) -> None:
    client = acme(
        cassette,
        exchange("GET", "/jobs/1", status=503),
        exchange("GET", "/jobs/1", b'{"state": "busy"}'),
        exchange("GET", "/jobs/2", b'{"state": "other"}'),
        exchange("GET", "/jobs/1", b'{"state": "done"}'),
        exchange("GET", "/gone", status=404),
    )

    # The first one is tried again, by the client's own rules.
    assert [client.json("GET", "/jobs/1")["state"] for _ in range(3)] == ["busy", "done", "done"]
    assert client.json("GET", "/jobs/2")["state"] == "other"
    with pytest.raises(RemoteNotFound):
        client.get("/gone")


def test_order_and_spelling_do_not_count_and_content_does(cassette: Path) -> None:
    client = acme(
        cassette,
        exchange("POST", "/notes?a=1&b=x%20y", b"1", sent=b'{"to": [1, 2], "text": "hello"}', type_="application/json"),
        ignoring={"at"},
    )

    ask = {"query": {"b": "x y", "a": 1, "at": 5}, "may_repeat": True}
    assert client.json("POST", "/notes", json={"text": "hello", "to": [1, 2], "at": 7}, **ask) == 1
    with pytest.raises(UnrecordedRequest) as caught:
        client.post("/notes", json={"text": "hallo", "to": [1, 3], "more": None}, query={"a": "2"}, may_repeat=True)

    assert str(caught.value).splitlines()[2:-1] == [
        '  query.a[0]: recorded "1", sent "2"',
        '  query.b: recorded ["x y"], not sent',
        "  body.more: not recorded, sent null",
        '  body.text: recorded "hello", sent "hallo"',
        "  body.to[1]: recorded 2, sent 3",
    ]


def test_what_is_not_recorded_is_no_error_of_the_system(cassette: Path) -> None:
    client = acme(cassette, exchange("GET", "/a"), exchange("GET", "/b/c?x=1"))

    with pytest.raises(UnrecordedRequest, match="has no answer for DELETE") as caught:
        client.json("DELETE", "/b/c", query={"x": 1, "api_key": "hunter2-key"}, fallback=None)

    told = str(caught.value).splitlines()
    assert told[1:4] == [
        f"  closest of 2 recorded: GET {BASE}/b/c?x=1",
        "  method: recorded GET, sent DELETE",
        '  query.api_key: not recorded, sent ["[redacted]"]',
    ]
    assert "hunter2" not in str(caught.value)
    # Neither tried again, nor counted against the system.
    assert client.get("/a").tries == 1


def test_the_closest_is_one_of_the_same_path(cassette: Path) -> None:
    client = acme(cassette, exchange("GET", "/b?x=1&y=1&z=1"), exchange("GET", "/a"))

    with pytest.raises(UnrecordedRequest, match=r"recorded: GET \S+/b\?x=1"):
        client.get("/b")


def test_a_secret_in_the_path_is_another_when_it_is_played(cassette: Path) -> None:
    exchanges = [exchange("GET", "/bot[redacted]/getMe", b"1")]

    assert acme(cassette, *exchanges).json("GET", "/bot{token}/getMe", {"token": "another-token"}) == 1


def test_the_how_to_shows_what_is_told(tmp_path: Path) -> None:
    page = read("docs/how-to/test-code-that-calls-apis.md")
    shown = {fence.text.splitlines()[0]: fence.text for fence in fences(page)}
    path = tmp_path / "acme.yaml"
    path.write_text(shown["version: 1"])
    client = ApiClient(BASE, session=RecordedSession(path))

    assert client.json("GET", "/notes", query={"page": 1}) == [{"id": 1, "text": "hello"}]
    with pytest.raises(UnrecordedRequest) as caught:
        client.get("/notes", query={"page": 2})
    told = str(caught.value).replace(str(path), "tests/cassettes/acme.yaml")
    assert told + "\n" == shown[told.splitlines()[0]]


def test_a_list_is_read_to_its_end_though_what_leads_on_is_called_a_token(cassette: Path) -> None:
    client = acme(
        cassette,
        exchange("GET", "/a", b'{"records": [1], "nextPageToken": "to-the-second-page"}'),
        exchange("GET", "/a?pageToken=to-the-second-page", b'{"records": [2]}'),
    )
    style = Cursor("pageToken", "nextPageToken")

    assert list(client.records("/a", style=style, records="records")) == [1, 2]


def test_threads_share_a_cassette(cassette: Path) -> None:
    client = acme(cassette, *(exchange("GET", f"/{number}", str(number).encode()) for number in range(40)))
    got: dict[int, object] = {}

    def ask(number: int) -> None:
        got[number] = client.json("GET", f"/{number}")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert got == {number: number for number in range(40)}


@pytest.mark.parametrize(
    ("text", "hint"),
    [("", "version"), ("version: 9", "version"), ("version: 1", "exchanges"), ("version: 1\nexchanges: [1]", "read")],
)
def test_a_file_that_is_no_cassette_says_so(cassette: Path, text: str, hint: str) -> None:
    cassette.write_text(text)

    with pytest.raises(CassetteError, match=hint):
        RecordedSession(cassette)
    with pytest.raises(CassetteError, match="record=True"):
        RecordedSession(cassette.with_name("none.yaml"))


def test_what_is_written_is_what_is_read(cassette: Path) -> None:
    exchanges = [
        Exchange(Request("POST", "https://a.example/?x=1", "text/plain", "ä: #\n".encode()), Recorded(200, JSON, b"")),
        Exchange(Request("GET", "https://a.example/"), Recorded(206, (("A", "b: c"), ("A", "d")), b"\x00\xff\n")),
    ]

    write_cassette(cassette, exchanges)

    assert read_cassette(cassette) == exchanges


SECRETS = ["tok-abcdef123456", "cookie-value-77", "q-key-4567890", "hunter2-password", "given-0987654321", "pin-4711"]


def test_secrets_are_left_out_wherever_they_stand() -> None:
    bearer, cookie, key, password, given, pin = SECRETS
    auths = [Bearer(bearer), ApiKey(key, query="appkey")]
    mask = Mask(auths, ["9f9f"], ["pin"])
    headers = (("Authorization", f"Bearer {bearer}"), ("Cookie", f"sid={cookie}; a=b"), ("Content-Type", FORM))
    body = f"user=ada&password={password}".encode()
    call = Call("POST", "https://a.example/t", "/t", (("appkey", key), ("page", "2")), headers, body)
    call = auths[1].apply(call)
    said = f'{{"access_token": "{given}", "token_type": "Bearer", "expires_in": 60, "pin": "{pin}", "n": [1.50]}}'
    answer = Recorded(200, (*JSON, ("Set-Cookie", f"sid={cookie}"), ("Link", f"<https://a.example/t?k={key}>")), b"")
    one = Exchange(Request("POST", call.full_url, FORM, body), Recorded(200, answer.headers, said.encode()))
    # What the first answer gave comes again in the second: in a path, in a text, in bytes.
    path = Request("GET", f"https://a.example/bot{given}/9f9f/x")
    two = Exchange(path, Recorded(400, (), f"{bearer} and {password}".encode()))
    three = Exchange(path, Recorded(200, (), b"\xff" + given.encode()))

    mask.learn(call, one.answer)
    masked = [mask.exchange(exchange) for exchange in (one, two, three)]

    assert [secret for secret in [*SECRETS, "9f9f"] if secret in str(masked)] == []
    assert masked[0].request.url == "https://a.example/t?page=2&appkey=[redacted]"
    assert masked[0].request.body == b"user=ada&password=[redacted]"
    assert b'"token_type":"Bearer","expires_in":60' in masked[0].answer.body
    assert masked[1].request.url == "https://a.example/bot[redacted]/[redacted]/x"
    assert masked[1].answer.body == b"[redacted] and [redacted]"
    assert masked[2].answer.body == b"\xff[redacted]"


def test_several_secrets_under_one_name_are_left_out() -> None:
    mask = Mask([], [], [])
    said = b'{"client_secrets": ["one-of-two", "two-of-two"], "tokens": [{"id": 7, "note": "mine"}], "max_tokens": [5]}'
    one = Exchange(Request("GET", f"{BASE}/one-of-two"), Recorded(200, JSON, said))
    mask.learn(Call("GET", f"{BASE}/one-of-two", ""), one.answer)

    masked = mask.exchange(one)

    assert masked.request.url == f"{BASE}/[redacted]"
    assert masked.answer.body == (
        b'{"client_secrets":["[redacted]","[redacted]"],"tokens":[{"id":7,"note":"mine"}],"max_tokens":[5]}'
    )


def test_what_holds_no_secret_stays_as_it_came() -> None:
    mask = Mask([], [], [])
    body = b'{ "a" : 1.50, "max_tokens": 5 }'
    one = Exchange(Request("POST", f"{BASE}/a?x=1", "application/json", body), Recorded(200, JSON, body))

    assert mask.exchange(one) == one


def test_bodies_of_other_kinds_are_compared_whole() -> None:
    form = Request("POST", BASE, FORM, b"a=1&b=2")

    assert differences(form, Request("POST", BASE, FORM, b"b=2&a=1"), ()) == []
    assert differences(form, Request("POST", BASE, FORM, b"b=3&a=1"), ()) == ['body.b[0]: recorded "2", sent "3"']
    assert differences(Request("PUT", BASE, "", b"a"), Request("PUT", BASE, "", b"b"), ()) == [
        'body: recorded "a", sent "b"'
    ]
    assert differences(Request("PUT", BASE, "", b"1"), Request("PUT", BASE, "", b"true"), ()) != []
    assert differences(Request("GET", BASE), Request("GET", "https://b.example/v2"), ()) == [
        'host: recorded "https://api.acme.example", sent "https://b.example"'
    ]
