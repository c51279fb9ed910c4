"""What a call sends, when it is sent again, and what is kept from whom."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import responses

from gateway.clients import errors
from gateway.clients.auth.base import ApiKey, Basic, Bearer, TokenAuth
from gateway.clients.breaker import Breaker
from gateway.clients.client import ApiClient
from gateway.clients.errors import IntegrationError
from gateway.clients.limits import Rate
from gateway.clients.observer import CallReport
from gateway.clients.retries import RetryPolicy
from gateway.clients.stripping import without
from gateway.errors import AddressForbidden
from gateway.security.ssrf import AddressPolicy
from tests.integration.clients.conftest import MakeClient
from tests.services.fault_server import FaultServer
from tests.unit.clients.conftest import TOKEN


@dataclass
class Reports:
    """What an observer is told."""

    ended_calls: list[CallReport] = field(default_factory=list)
    fallbacks: list[IntegrationError] = field(default_factory=list)
    pauses: list[tuple[float, str | None]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def ended(self, report: CallReport) -> None:
        self.ended_calls.append(report)

    def paused(self, system: str, seconds: float, error: IntegrationError | None) -> None:
        self.pauses.append((seconds, error.code if error is not None else None))
        self.said.append(f"{error} {error.call}" if error is not None else "")

    def fell_back(self, system: str, error: IntegrationError) -> None:
        self.fallbacks.append(error)


class Renewing:
    """A source whose first token is not taken."""

    def __init__(self) -> None:
        self.tokens = ["old", "new"]
        self.renewed: list[str] = []

    def token(self) -> str:
        return self.tokens[0]

    def renew(self, refused: str) -> bool:
        self.renewed.append(refused)
        if refused == self.tokens[0] and len(self.tokens) > 1:
            del self.tokens[0]
            return True
        return False


def test_what_is_sent(make_client: MakeClient) -> None:
    client = make_client(headers={"X-Version": "3"})

    told = client.json(
        "POST", "/things/{id}", {"id": "a/b c"}, query={"q": ["x", "y"], "all": True, "none": None}, json={"n": 1}
    )

    assert told["path"] == "/things/a%2Fb%20c"
    assert told["query"] == {"q": ["x", "y"], "all": ["true"]}
    assert told["body"] == '{"n":1}'
    assert told["headers"]["x-version"] == "3"
    assert told["headers"]["content-type"] == "application/json"
    assert told["headers"]["authorization"] == f"Bearer {TOKEN}"
    assert "cookie" not in told["headers"]


def test_a_form_and_bytes(make_client: MakeClient) -> None:
    client = make_client()

    assert client.json("POST", "/a", form=[("x", "1 2"), ("x", "3")])["body"] == "x=1+2&x=3"
    assert client.json("PUT", "/a", body=b"raw", content_type="text/plain")["headers"]["content-type"] == "text/plain"
    with pytest.raises(ValueError, match="one of json, form and body"):
        client.post("/a", json=1, body=b"x")


@pytest.mark.parametrize(
    ("base_url", "options", "hint"),
    [
        ("https://user:pass@api.example", {}, "credentials"),
        ("https://api.example/?key=abc", {}, "query"),
        ("http://api.example", {"allow_http": False}, "http://"),
        ("https://api.example/\nx", {}, "line break"),
        ("ftp://api.example", {}, "https://"),
        ("https://api.example", {"headers": {"X-A": "a\r\nX-B: b"}}, "line break"),
    ],
)
def test_what_cannot_work_is_refused_when_a_client_is_made(
    base_url: str, options: dict[str, object], hint: str
) -> None:
    with pytest.raises(ValueError, match=hint) as caught:
        ApiClient(base_url, **options)

    assert "abc" not in str(caught.value)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize("secret", ["a\nb", "", "sch\u00f6n"])
def test_a_secret_that_no_header_can_hold_is_refused_unquoted(secret: str) -> None:
    with pytest.raises(ValueError, match="header") as caught:
        ApiKey(secret, header="X-Key")

    assert not secret or secret not in str(caught.value)


def test_credentials_show_in_no_repr() -> None:
    shown = repr([Basic("me", "hunter2-pw"), ApiKey("hunter2-key", query="key")])

    assert "hunter2" not in shown


def test_keys_in_query_and_cookie(make_client: MakeClient) -> None:
    assert make_client(auth=ApiKey("k1", query="appid")).json("GET", "/a")["query"] == {"appid": ["k1"]}
    assert make_client(auth=ApiKey("k1", cookie="sid")).json("GET", "/a")["headers"]["cookie"] == "sid=k1"


def test_an_error_does_not_tell_a_key_that_the_system_repeats(make_client: MakeClient) -> None:
    with pytest.raises(errors.RequestRefused) as caught:
        make_client(auth=ApiKey("plain-key-77", query="appid")).get("/secret-told")

    assert "appid" in str(caught.value)
    assert "plain-key-77" not in f"{caught.value}{caught.value.call}"


def test_nobody_is_told_a_key_wherever_the_system_repeats_it(make_client: MakeClient) -> None:
    token, reports = "plain-token-0123456789abcdefghij", Reports()

    with pytest.raises(errors.Unavailable) as caught:
        make_client(auth=Bearer(token), observers=[reports]).get("/secret-everywhere")

    told = [str(caught.value), str(caught.value.call), *reports.said, *map(str, reports.ended_calls)]
    assert len(reports.said) == 3
    # Nor its beginning, where what was said is cut off.
    assert [text for text in told if "plain-" in text] == []
    assert caught.value.call.request_id == "req-[redacted]"
    assert caught.value.call.vendor_code == "bad [redacted]"


def test_a_key_is_left_out_as_a_url_writes_it_too() -> None:
    assert without("no ?k=a%2Fb%2B77&x, nor a/b+77", ["a/b+77"]) == "no ?k=[redacted]&x, nor [redacted]"


@pytest.mark.parametrize(("method", "tries"), [("GET", 2), ("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)])
def test_only_what_is_safe_is_sent_again(make_client: MakeClient, server: FaultServer, method: str, tries: int) -> None:
    client = make_client()
    call = lambda: client.request(method, "/status/503", query={"times": 1})  # noqa: E731

    if tries == 2:
        assert call().tries == 2
    else:
        with pytest.raises(errors.Unavailable) as caught:
            call()
        assert caught.value.call.may_have_happened
    assert len(server.heard) == tries


def test_a_write_with_a_key_is_sent_again_with_the_same_key(make_client: MakeClient, server: FaultServer) -> None:
    client = make_client(idempotency_header="Idempotency-Key")

    client.post("/status/503", query={"times": 2})
    client.post("/other", idempotency_key="mine")

    keys = [heard.headers["idempotency-key"] for heard in server.heard]
    assert len(set(keys[:3])) == 1
    assert len(keys[0]) >= 16
    assert keys[3:] == ["mine"]


def test_a_key_without_a_header_to_send_it_in_is_refused(make_client: MakeClient) -> None:
    with pytest.raises(ValueError, match="idempotency_header"):
        make_client().post("/a", idempotency_key="k")


def test_a_system_is_taken_at_its_word(make_client: MakeClient) -> None:
    slept: list[float] = []
    client = make_client(sleep=slept.append)

    # Nothing sleeps for real, so that the limit would be asked for ever: it is the retry that is looked at.
    with pytest.raises(errors.RateLimited) as caught:
        client.get("/status/429", query={"retry_after": 70})

    assert caught.value.retry_after_seconds == 70
    assert slept == []


def test_after_a_limit_nobody_sends_before_its_time(make_client: MakeClient, server: FaultServer) -> None:
    client = make_client()
    with pytest.raises(errors.RateLimited):
        client.get("/status/429", query={"retry_after": 70})

    with pytest.raises(errors.RateLimited, match="not sent"):
        client.get("/other")

    assert server.at("/other") == []


def test_our_own_limit_holds_back_what_has_no_time_to_wait(make_client: MakeClient, server: FaultServer) -> None:
    client = make_client(rate_limit=[Rate(2, 60)])
    client.get("/a")
    client.get("/a")

    with pytest.raises(errors.RateLimited) as caught:
        client.get("/a", timeout_seconds=5)

    assert 50 < (caught.value.retry_after_seconds or 0) <= 61
    assert len(server.heard) == 2


def test_a_token_is_renewed_once(make_client: MakeClient, server: FaultServer) -> None:
    source = Renewing()
    client = make_client(auth=TokenAuth(source))

    client.get("/status/401", query={"times": 1})
    sent = [heard.headers["authorization"] for heard in server.heard]

    assert sent == ["Bearer old", "Bearer new"]
    with pytest.raises(errors.AuthenticationFailed):
        client.get("/status/401")
    assert source.renewed == ["old", "new"]


def test_a_sick_system_is_left_alone(make_client: MakeClient, server: FaultServer) -> None:
    client = make_client(breaker=Breaker("acme", failures_to_open=3), retries=RetryPolicy(max_tries=1))
    for _ in range(3):
        with pytest.raises(errors.Unavailable):
            client.get("/status/500")

    with pytest.raises(errors.CircuitOpen) as caught:
        client.get("/well")

    assert server.at("/well") == []
    assert 0 < (caught.value.retry_after_seconds or 0) <= 15


def test_repeats_have_a_budget(make_client: MakeClient, server: FaultServer) -> None:
    client = make_client(breaker=Breaker("acme", failures_to_open=1000))
    for _ in range(20):
        with pytest.raises(errors.Unavailable):
            client.get("/status/500")

    # 20 first tries, the 10 repeats that were kept, and a fifth of one for each try.
    assert len(server.heard) <= 20 + 10 + 4


@pytest.mark.parametrize(("status", "method", "body"), [(307, "POST", "x=1"), (303, "GET", ""), (302, "GET", "")])
def test_redirects_within_the_origin_are_followed(make_client: MakeClient, status: int, method: str, body: str) -> None:
    answer = make_client().json("POST", "/redirect", query={"to": "/there", "status": status}, form={"x": 1})

    assert (answer["path"], answer["method"], answer["body"]) == ("/there", method, body)


def test_no_redirect_takes_credentials_elsewhere(make_client: MakeClient, server: FaultServer) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")

    with pytest.raises(errors.ProtocolFault, match="another origin"):
        make_client().get("/redirect", query={"to": f"{elsewhere}/steal"})
    with pytest.raises(errors.ProtocolFault, match="more than"):
        make_client().get("/round")

    assert server.at("/steal") == []


def test_a_client_that_was_closed_opens_other_connections(make_client: MakeClient) -> None:
    client = make_client()
    client.get("/a")
    client.close()

    assert client.get("/b").status == 200


def test_private_addresses_are_refused_unless_allowed(make_client: MakeClient, server: FaultServer) -> None:
    with pytest.raises(AddressForbidden):
        make_client(policy=AddressPolicy(allow_private=False)).get("/a")

    assert server.heard == []


def test_a_fallback_stands_in_for_what_may_pass(make_client: MakeClient) -> None:
    reports = Reports()
    client = make_client(observers=[reports])

    assert client.json("GET", "/status/503", fallback=[]) == []
    assert client.json("GET", "/status/503", fallback=lambda error: error.code) == "system_unavailable"
    with pytest.raises(errors.RemoteNotFound):
        client.json("GET", "/status/404", fallback=[])
    assert [error.code for error in reports.fallbacks] == ["system_unavailable"] * 2


def test_each_call_is_told_of_once(make_client: MakeClient) -> None:
    reports = Reports()
    client = make_client(observers=[reports])

    client.get("/people/{name}", {"name": "ada"}, query={"secret": "s"})
    with pytest.raises(errors.Unavailable):
        client.get("/status/500")

    done, failed = reports.ended_calls
    assert (done.system, done.method, done.path, done.status, done.code) == ("acme", "GET", "/people/{name}", 200, None)
    assert (done.tries, done.request_id) == (1, "req-1")
    assert done.received_bytes > 100
    assert (failed.status, failed.code, failed.tries) == (500, "system_unavailable", 4)
    assert [code for _, code in reports.pauses] == ["system_unavailable"] * 3


def test_a_stream_is_read_in_pieces_and_tried_again_until_it_begins(
    make_client: MakeClient, server: FaultServer
) -> None:
    client = make_client()

    with client.stream("GET", "/status/503", query={"times": 1}) as answer:
        body = b"".join(answer.chunks())
    with client.stream("GET", "/huge") as answer:
        first = next(iter(answer.chunks()))

    assert b"status/503" in body
    assert first.strip() == b""
    assert len(server.at("/huge")) == 1
    with pytest.raises(errors.RemoteNotFound), client.stream("GET", "/status/404"):
        pass


def test_a_child_after_a_fork_has_connections_of_its_own(make_client: MakeClient, server: FaultServer) -> None:
    client = make_client()
    client.get("/before")
    child = os.fork()
    if child == 0:
        os._exit(0 if client.json("GET", "/child")["path"] == "/child" else 1)

    assert client.json("GET", "/parent")["path"] == "/parent"
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@responses.activate
@pytest.mark.parametrize("options", [{}, {"session": requests.Session()}], ids=["guarded", "session"])
def test_users_can_replace_the_network(options: dict[str, Any]) -> None:
    responses.get("https://api.example/v1/things", json={"ok": True})

    assert ApiClient("https://api.example/v1", **options).json("GET", "/things") == {"ok": True}
