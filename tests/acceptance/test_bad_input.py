"""Requests that nobody should send, over a raw socket: the status of the inbound contract, nothing stored but a
rejection, and a server that goes on.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import PostgresTemplate
from tests.services.gateway_process import Installation
from tests.services.github_sender import SOURCE, signed
from tests.services.postgres import create_database, drop_database
from tests.services.raw_http import RawAnswer, chunked, connected, exchange, post, read_answer
from tests.services.sink_thread import SinkThread, sink_thread
from tests.services.tables import Tables, tables_of
from tests.services.waiting import until

LIMIT_BYTES = 250_000
PATH = "/webhooks/github"
STRIPE_SECRET = "whsec_test_secret"
_numbers = itertools.count()


class Server:
    """A gateway that runs for all tests of this module, and what it kept since the last look."""

    def __init__(self, installation: Installation, sink: SinkThread, tables: Tables) -> None:
        self.installation = installation
        self.tables = tables
        self.sink = sink
        self.port = installation.port

    def send(self, request: bytes, *, half_close: bool = False) -> RawAnswer:
        answer = exchange(self.port, request, half_close=half_close)
        assert answer is not None, "no answer"
        return answer

    def event(self, event_id: str) -> Mapping[str, object]:
        found: Mapping[str, object] = self.installation.json("events", "show", event_id)
        return found

    def rejection(self, answer: RawAnswer) -> str:
        """The reason that was kept of a request, which is written a little after its answer."""
        query = f"SELECT reason FROM rejections WHERE request_id = '{answer.headers['x-request-id']}'"
        return str(until(lambda: self.tables.rows(query), "kept as a rejection")[0][0])


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory: Path = tmp_path_factory.mktemp("installation")
    with ExitStack() as stack:
        database_url = None
        if request.param == "postgres":
            postgres: PostgresTemplate = request.getfixturevalue("_postgres_template")
            name = f"gateway_bad_input_{directory.stat().st_ino}"
            database_url = create_database(postgres.server, name, template=postgres.name)
            stack.callback(drop_database, postgres.server, name)
        sink = stack.enter_context(sink_thread())
        installation = stack.enter_context(
            Installation(directory, database_url, GATEWAY_MAX_BODY_BYTES=str(LIMIT_BYTES))
        )
        installation.gateway("db", "upgrade")
        installation.apply(
            sources=[SOURCE, {"slug": "stripe", "provider": "stripe", "secret": STRIPE_SECRET}],
            destinations=[
                {"name": "app", "url": sink.url()},
                {"name": "ordered", "url": sink.url("/ordered"), "ordering_key": "key"},
                {"name": "filtered", "url": sink.url("/filtered")},
            ],
            routes=[
                {"source": "github", "to": "app"},
                {"source": "stripe", "to": "ordered"},
                {"source": "github", "to": "filtered", "where": "wanted", "transform": "wanted"},
            ],
        )
        program = installation.run()
        tables = stack.enter_context(tables_of(database_url or f"sqlite:///{directory}/instance/gateway.db"))
        yield Server(installation, sink, tables)
        assert installation.get("/readyz").status == 200
        assert len(program.web_workers()) == 2
        assert program.log().count("Booting worker") == 2, "a web worker was lost"
        assert "Traceback" not in program.log()


def delivery_id() -> str:
    return f"d-{next(_numbers)}-{time.time_ns()}"


def body_of(size: int) -> bytes:
    return json.dumps({"padding": "x" * (size - len('{"padding": ""}'))}).encode()


def test_an_announced_body_over_the_limit(server: Server) -> None:
    body = body_of(LIMIT_BYTES + 1)
    whole = server.send(post(PATH, signed(body, delivery_id()), body))
    # The answer does not wait for what is not wanted.
    early = server.send(post(PATH, {"Content-Length": str(10**12)}))
    for answer in (whole, early):
        assert (answer.status, answer.code) == (413, "body_too_large")
        assert server.rejection(answer) == "body_too_large"


def test_a_body_of_exactly_the_limit(server: Server) -> None:
    body = body_of(LIMIT_BYTES)
    assert server.send(post(PATH, signed(body, delivery_id()), body)).status == 200


def test_a_body_in_chunks(server: Server) -> None:
    over, within = body_of(LIMIT_BYTES + 1), body_of(LIMIT_BYTES)
    for body, status in ((over, 413), (within, 200)):
        headers = signed(body, delivery_id()) | {"Transfer-Encoding": "chunked"}
        assert server.send(post(PATH, headers, chunked(body))).status == status


def test_chunks_without_end_are_answered_at_the_limit(server: Server) -> None:
    headers = post(PATH, {"Transfer-Encoding": "chunked"})
    answer = exchange(server.port, itertools.chain([headers], itertools.repeat(chunked(b"x" * 65_536)[:-5], 64)))
    # A server that hears on may miss its own answer on the way; it must not take the body either way.
    assert answer is None or answer.status == 413


def test_a_header_of_64_kb(server: Server) -> None:
    body, big = b"{}", {"X-Big": "a" * 65_536}
    accepted = server.send(post(PATH, signed(body, delivery_id()) | big, body))
    assert accepted.status == 200
    refused = server.send(post(PATH, big, body))
    assert (refused.status, refused.code) == (401, "signature_missing")
    assert server.rejection(refused) == "signature_missing"


@pytest.mark.parametrize(
    "body",
    [
        b"\x00" * 1000,
        b'{"a": "\x00"}',
        b"\xff\xfe\x80 not UTF-8",
        b"[" * 100_000 + b"]" * 100_000,
        b"",
        b'{"key": NaN}',
    ],
    ids=["nul", "nul in JSON", "not UTF-8", "nested", "empty", "NaN"],
)
def test_authentic_bodies_are_kept_whatever_they_are(server: Server, body: bytes) -> None:
    delivery = delivery_id()
    answer = server.send(post(PATH, signed(body, delivery), body))
    assert answer.status == 200
    event = server.event(answer.json()["event_id"])
    shown = event["body"] if event.get("body") is not None else base64.b64decode(str(event["body_base64"]))
    assert (shown.encode() if isinstance(shown, str) else shown) == body
    until(lambda: delivery in {one.header("x-github-delivery") for one in server.sink.at()}, "delivered")


@pytest.mark.parametrize("character", ["\\u0000", "\\ud800", "\\udfff\\ud800", "\\uffff", "\U0001f600"])
def test_characters_that_databases_do_not_take(server: Server, character: str) -> None:
    unique = f"{character}{delivery_id()}"
    body = f'{{"id": "evt_{unique}", "type": "a{character}b", "key": "{character}"}}'.encode()
    answer = server.send(post("/webhooks/stripe", stripe_signed(body), body))
    assert answer.status == 200, answer
    again = server.send(post("/webhooks/stripe", stripe_signed(body), body))
    assert again.json() == {"status": "duplicate", "event_id": answer.json()["event_id"]}
    until(lambda: body in {one.body for one in server.sink.at("/ordered")}, "delivered")


def stripe_signed(body: bytes) -> dict[str, str]:
    """https://docs.stripe.com/webhooks#verify-manually"""
    at = int(time.time())
    digest = hmac.new(STRIPE_SECRET.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={at},v1={digest}", "Content-Type": "application/json"}


def test_json_too_deep_to_filter_is_dead_with_a_reason(server: Server) -> None:
    body = b'{"wanted":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    event_id = server.send(post(PATH, signed(body, delivery_id()), body)).json()["event_id"]
    deliveries = server.event(event_id)["deliveries"]
    assert isinstance(deliveries, list)
    (filtered,) = [one for one in deliveries if one["destination"] == "filtered"]
    assert (filtered["state"], bool(filtered["reason"])) == ("dead", True)


@pytest.mark.parametrize(
    "signature",
    [
        [b""],
        [b"sha256="],
        ["right", b"sha256=" + b"0" * 64],
        [b"sha256=" + b"0" * 64, "right"],
        ["right", "right"],
        ["sha256=\u00e9".encode()],
        [b"\xff" * 71],
        [b"sha256=" + b"0" * 60_000],
    ],
    ids=["empty", "no digest", "second wrong", "first wrong", "twice", "UTF-8", "bytes", "long"],
)
def test_signature_headers_that_are_not_one_signature(server: Server, signature: list[str | bytes]) -> None:
    body, delivery = b"{}", delivery_id()
    headers = signed(body, delivery)
    right = headers.pop("X-Hub-Signature-256")
    pairs = [*headers.items(), *(("X-Hub-Signature-256", right if one == "right" else one) for one in signature)]
    answer = server.send(post(PATH, pairs, body))
    assert answer.status == 401
    assert answer.code in {"signature_missing", "signature_mismatch", "signature_malformed"}
    assert server.rejection(answer) == answer.code


@pytest.mark.parametrize(
    ("lines", "statuses"),
    [
        ([(f"X-{number}", "junk") for number in range(10_000)], {400, 431}),
        ([("X-Junk", "a" * 1_000_000)], {400, 431}),
        ([("X-Nul", b"a\x00b")], {400}),
        ([("Content-Length", "-1")], {400}),
        ([("Content-Length", "1"), ("Content-Length", "2")], {400}),
        ([("Content-Length", "9" * 5000)], {400, 413, 431}),
        ([("Content-Length", "5"), ("Transfer-Encoding", "chunked")], {400}),
        ([("Transfer-Encoding", "gzip, chunked, identity")], {400, 501}),
    ],
    ids=["many", "long", "nul", "negative", "two lengths", "huge length", "both", "unknown coding"],
)
def test_headers_that_are_not_http(server: Server, lines: list[tuple[str, str | bytes]], statuses: set[int]) -> None:
    answer = exchange(server.port, post(PATH, lines))
    assert answer is None or answer.status in statuses


@pytest.mark.parametrize(
    "path", ["/webhooks/%00", "/webhooks/%ff%fe", "/webhooks/nobody", "/webhooks/" + "a" * 5000, "/webhooks/a/b"]
)
def test_sources_that_are_not_there(server: Server, path: str) -> None:
    answer = server.send(post(path, {"Content-Type": "application/json"}, b"{}"))
    assert (answer.status, answer.code) == (404, "source_unknown")
    assert answer.headers["x-request-id"]
    if path != "/webhooks/a/b":
        # The tenant `default` can see what was looked for; a tenant that does not exist sees nothing.
        assert server.rejection(answer) == "source_unknown"


def test_a_method_that_carries_nothing(server: Server) -> None:
    answer = server.send(b"DELETE /webhooks/github HTTP/1.1\r\nHost: gateway\r\n\r\n")
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["x-request-id"]


def test_a_body_that_breaks_off(server: Server) -> None:
    body, delivery = b'{"ref": "main"}', delivery_id()
    for headers, sent in (
        (signed(body, delivery) | {"Content-Length": "1000"}, body),
        (signed(body, delivery) | {"Transfer-Encoding": "chunked"}, b"%x\r\n%s\r\n" % (len(body), body)),
        (signed(body, delivery) | {"Transfer-Encoding": "chunked"}, b"ff\r\n" + body),
    ):
        answer = exchange(server.port, post(PATH, headers, sent), half_close=True)
        assert answer is None or answer.status == 400, answer
    # It was not taken: the whole one, under the same id, is new.
    assert server.send(post(PATH, signed(body, delivery), body)).json()["status"] == "accepted"


def test_slow_clients_hold_up_nobody(server: Server) -> None:
    body, delivery = b'{"ref": "slow"}', delivery_id()
    request = post(PATH, signed(body, delivery), body)
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(server.port)) for _ in range(40)]
        for connection in slow:
            connection.sendall(request[:-5])
        for _ in range(10):
            began = time.monotonic()
            assert server.send(post(PATH, signed(b"{}", delivery_id()), b"{}")).status == 200
            assert time.monotonic() - began < 10
        for byte in request[-5:]:
            slow[0].sendall(bytes([byte]))
        answer = read_answer(slow[0])
        assert answer is not None
        assert answer.status == 200


def test_every_answer_carries_a_request_id(server: Server) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/nothing", PATH):
        assert server.installation.get(path).headers["x-request-id"].startswith("req_")
