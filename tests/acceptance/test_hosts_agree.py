"""The same bytes to both hosts give the same answer and leave the same rows: byte by byte, through real servers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from tests.services.gateway_process import Installation
from tests.services.github_sender import SECRET, signed
from tests.services.raw_http import RawAnswer, chunked, exchange
from tests.services.tables import tables_of

from .test_hosts import HOSTS

BASE_URL = "https://gateway.example.com"
LIMIT_BYTES = 20_000
BODY = b'{"ref": "refs/heads/main"}'
OTHER_SECRET = "acme's own"
GIVEN_ID = "given-by-the-proxy"
# Of the server and the connection, which are not ours.
SERVERS_OWN = {"date", "server", "connection", "keep-alive"}
EVENTS = """
SELECT source, dedupe_key, tenant_id = 'ten_default', type, method, url, content_type, body, headers, request_id
FROM events
"""
REJECTIONS = """
SELECT source_id <> '', source, reason, client_address, method, url, body, headers, request_id FROM rejections
"""

Pairs = list[tuple[str, str | bytes]]


def raw(method: str, target: str, headers: Pairs, body: bytes = b"", *, host: bytes = b"gateway") -> bytes:
    lines = [f"{method} {target} HTTP/1.1".encode("latin-1"), b"Host: " + host, b"Connection: close"]
    lines += [
        name.encode() + b": " + (value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in headers
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def event(
    name: str, target: str = "/webhooks/github", *more: tuple[str, str | bytes], secret: str = SECRET, **options: Any
) -> bytes:
    """A signed event; `name` is its delivery id."""
    body: bytes = options.pop("body", BODY)
    method: str = options.pop("method", "POST")
    headers: Pairs = [*signed(body, name, secret=secret).items(), ("X-Case", name), *more]
    if "Transfer-Encoding" not in dict(more):
        headers.append(("Content-Length", str(len(body))))
    else:
        body = chunked(body, size=7)
    return raw(method, target, headers, body, **options)


def ask(name: str, target: str, *more: tuple[str, str | bytes], method: str = "GET", host: bytes = b"gateway") -> bytes:
    """A request with nothing but its name."""
    return raw(method, target, [("X-Case", name), *more], host=host)


TARGETS = {
    "query": "/webhooks/github?a=1&b=%20+&c",
    "bare question mark": "/webhooks/github?",
    "two question marks": "/webhooks/github?a?b=/c",
    "query that is no text": "/webhooks/github?%ff=%00",
    "encoded name": "/webhooks/git%68ub",
    "encoded section": "/%77ebhooks/github",
    "two slashes first": "//webhooks/github",
    "two slashes": "/webhooks//github",
    "two slashes between": "/webhooks/default//github",
    "slash behind": "/webhooks/github/",
    "too deep": "/webhooks/default/github/more",
    "nothing": "/webhooks/",
    "section alone": "/webhooks",
    "tenant and source": "/webhooks/default/github",
    "encoded slash": "/webhooks/acme%2Fgithub",
    "encoded slash, small": "/webhooks/acme%2fgithub",
    "encoded section and slash": "/webhooks%2Fgithub",
    "nobody": "/webhooks/nobody",
    "nobody's": "/webhooks/nobody/github",
    "nul": "/webhooks/%00",
    "no text": "/webhooks/%ff%fe",
    "no encoding": "/webhooks/%zz",
    "accent": "/webhooks/caf%C3%A9",
    "dot": "/webhooks/./github",
    "dots": "/webhooks/../webhooks/github",
    "parameter": "/webhooks/github;x=1",
    "whole url": "http://gateway/webhooks/github?a=1",
    "whole url of a page": "http://gateway/healthz",
}
FORWARDED: dict[str, Pairs] = {
    "from within": [("X-Forwarded-For", "203.0.113.9")],
    "from within, by way of": [("X-Forwarded-For", "192.0.2.1, 203.0.113.9")],
    "from within, in two": [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "203.0.113.9")],
    "from elsewhere": [("X-Forwarded-For", "203.0.113.9, 192.0.2.1")],
    "from nowhere": [],
    "from nothing": [("X-Forwarded-For", "")],
    "from something": [("X-Forwarded-For", "unknown")],
    "from a quote": [("X-Forwarded-For", '"203.0.113.9"')],
    "from half a quote": [("X-Forwarded-For", '203.0.113.9, "192.0.2.1')],
    "from within, elsewhere's host": [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Host", "evil.example.com:99"),
        ("X-Forwarded-Proto", "https"),
    ],
}
REQUEST_IDS: dict[str, Pairs] = {
    "id": [("X-Request-Id", GIVEN_ID)],
    "id that is too short": [("X-Request-Id", "short")],
    "id of other characters": [("X-Request-Id", "given by the proxy")],
    "two ids": [("X-Request-Id", GIVEN_ID), ("X-Request-Id", GIVEN_ID)],
}
HEADERS: dict[str, Pairs] = {
    "beyond ascii": [("X-Name", b"caf\xe9 \xf0\x9f\x8e\x89")],
    "repeated": [("X-Word", "a"), ("X-Other", "b"), ("X-Word", "c")],
    "empty": [("X-Empty", "")],
    "underscore": [("X_Hub_Signature_256", "sha256=00"), ("X_Other", "b")],
    "two signatures": [("X-Hub-Signature-256", "sha256=00")],
    "two types": [("Content-Type", "text/plain")],
    "chunked": [("Transfer-Encoding", "chunked")],
}
METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"]
PAGES = ["/healthz", "/readyz", "/healthz/", "/nothing", "/", "/%2fwebhooks/x", "//healthz", "/healthz?a=%ff"]

CASES: dict[str, bytes] = {
    "plain": event("plain"),
    "acme's": event("acme's", "/webhooks/acme/github", secret=OTHER_SECRET),
    "forged": event("forged", secret="wrong"),
    "handshake": ask("handshake", "/webhooks/meta?hub.mode=subscribe&hub.challenge=42&hub.verify_token=tok"),
    "handshake, head": ask(
        "handshake, head", "/webhooks/meta?hub.mode=subscribe&hub.challenge=42&hub.verify_token=tok", method="HEAD"
    ),
    "at the limit": event("at the limit", body=b"x" * LIMIT_BYTES),
    "over the limit": event("over the limit", body=b"x" * (LIMIT_BYTES + 1)),
    "far over the limit": raw("POST", "/webhooks/github", [("X-Case", "far"), ("Content-Length", "1" + "0" * 12)]),
    "over the limit nowhere": event("over the limit nowhere", "/webhooks/a/b/c", body=b"x" * (LIMIT_BYTES + 1)),
    "over the limit in chunks": event(
        "over the limit in chunks", "/webhooks/github", ("Transfer-Encoding", "chunked"), body=b"x" * (LIMIT_BYTES + 1)
    ),
    "no host": ask("no host", "/webhooks/github", host=b""),
    "no such host": ask("no such host", "/webhooks/github", host=b"ev!l,example"),
    "asterisk": ask("asterisk", "*", method="OPTIONS"),
    **{
        name: event(name, target, secret=OTHER_SECRET if "%2" in target else SECRET) for name, target in TARGETS.items()
    },
    **{name: event(name, "/webhooks/narrow", *headers) for name, headers in FORWARDED.items()},
    **{name: event(name, "/webhooks/github", *headers) for name, headers in (REQUEST_IDS | HEADERS).items()},
    **{f"{name}, refused": ask(name, "/webhooks/github", *headers) for name, headers in REQUEST_IDS.items()},
    **{f"{name}, page": ask(name, "/nothing", *headers) for name, headers in REQUEST_IDS.items()},
    **{f"signed {method}": event(f"signed {method}", method=method) for method in METHODS},
    **{f"{method} nowhere": ask(method, "/webhooks/a/b/c", method=method) for method in METHODS},
    **{f"{method} page": ask(method, "/healthz", method=method) for method in METHODS},
    **{f"{method} unsigned": ask(method, "/webhooks/github", method=method) for method in METHODS},
    **{f"page {path}": ask(path, path) for path in PAGES},
}


class Seen:
    """What one host answered, by case, and what it left in its tables, by the case's own header."""

    def __init__(self, answers: Mapping[str, RawAnswer | None], events: list[Any], rejections: list[Any]) -> None:
        self.answers = answers
        self.events = events
        self.rejections = rejections


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Seen]:
    """Everything, once through each host."""
    found = {}
    with ExitStack() as stack:
        for name, options in HOSTS.items():
            directory = tmp_path_factory.mktemp(name)
            settings = {"GATEWAY_BASE_URL": BASE_URL, "GATEWAY_TRUSTED_PROXIES": "1"}
            installation = stack.enter_context(
                Installation(directory, GATEWAY_MAX_BODY_BYTES=str(LIMIT_BYTES), **settings)
            )
            found[name] = _send_all(installation, options)
    return found


def _send_all(installation: Installation, options: tuple[str, ...]) -> Seen:
    installation.gateway("db", "upgrade")
    installation.gateway("tenants", "create", "acme")
    installation.gateway("sources", "add", "github", "--provider=github", f"--secret={OTHER_SECRET}", "--tenant=acme")
    installation.apply(
        sources=[
            {"slug": "github", "provider": "github", "secret": SECRET},
            {"slug": "narrow", "provider": "github", "secret": SECRET, "allowed_ips": ["203.0.113.0/24"]},
            {"slug": "meta", "provider": "meta", "secret": "app", "options": {"verify_token": "tok"}},
        ]
    )
    program = installation.web("--workers", "1", *options)
    answers = {name: exchange(installation.port, request) for name, request in CASES.items()}
    program.terminate()
    assert program.wait() == 0
    assert "Traceback" not in program.log()
    with tables_of(f"sqlite:///{installation.directory}/instance/gateway.db") as tables:
        events = tables.rows(EVENTS)
        rejections = tables.rows(REJECTIONS)
    return Seen(answers, *(sorted(map(_row, rows), key=str) for rows in (events, rejections)))


def _row(row: Any) -> list[object]:
    *values, headers, request_id = row
    # Sealed anew each time.
    values = [re.sub(r"gateway-sealed\.[\w-]+\.?", "gateway-sealed", v) if isinstance(v, str) else v for v in values]
    pairs: dict[str, str] = {}
    for name, value in json.loads(headers):
        # WSGI joins repeats, and knows no order of theirs.
        key = name.lower()
        pairs[key] = f"{pairs[key]},{value}" if key in pairs else value
    return [*values, sorted(pairs.items()), request_id if request_id == GIVEN_ID else None]


def _shown(answer: RawAnswer | None) -> object:
    if answer is None:
        return None
    headers = {name: value for name, value in answer.headers.items() if name not in SERVERS_OWN}
    if "x-request-id" not in headers:
        # The server's own words, for what is not HTTP.
        return answer.status
    if headers["x-request-id"] != GIVEN_ID:
        headers["x-request-id"] = "a new one"
    if "allow" in headers:
        headers["allow"] = ", ".join(sorted(headers["allow"].split(", ")))
    return answer.status, headers, re.sub(rb"evt_\w+", b"evt", answer.body)


@pytest.mark.parametrize("case", CASES)
def test_answers(seen: Mapping[str, Seen], case: str) -> None:
    loop, threads = (_shown(seen[host].answers[case]) for host in ("loop", "threads"))
    if case == "two signatures":
        # WSGI joins repeats: there it is one that is malformed.
        assert (loop[0], threads[0]) == (401, 401)  # type: ignore[index]
    else:
        assert loop == threads


def test_rows(seen: Mapping[str, Seen]) -> None:
    for kind in ("events", "rejections"):
        loop, threads = getattr(seen["loop"], kind), getattr(seen["threads"], kind)
        assert [row for row in loop if row not in threads] == [row for row in threads if row not in loop]
        assert len(loop) == len(threads) > 20
