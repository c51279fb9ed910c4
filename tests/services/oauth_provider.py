"""An OAuth and OpenID provider on loopback: strict where providers are, and faulty as a test asks it to be.

The fixture `oauth_server`, or `with oauth_provider() as provider:`. What it decides is in `oauth_authority`, whose
knobs are this object's too, and `oauth_entries` has it as entries of the catalogue. `provider.agree(url)` is the person
and the browser in one.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from gateway.clock import Clock
from tests.services.oauth_authority import Answer, Authority

LONGEST_SECONDS = 30
TOKEN, AUTHORIZE, REVOKE, JWKS = "/token", "/authorize", "/revoke", "/jwks"
DISCOVERY = "/.well-known/openid-configuration"


@dataclass(frozen=True)
class Heard:
    """One request as it came; of parameters that are repeated the last."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def form(self) -> dict[str, str]:
        """The body's fields, of a form or of a JSON object."""
        if "json" in self.headers.get("content-type", ""):
            return {name: str(value) for name, value in json.loads(self.body).items()}
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True)
class Canned:
    """An answer that was made beforehand."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Held:
    """Requests that wait, `left` more of them: `arrived` is set with the first, and they go on after `release`."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.arrived = threading.Event()
        self.released = threading.Event()

    def await_arrival(self) -> None:
        assert self.arrived.wait(LONGEST_SECONDS), "no request came"

    def release(self) -> None:
        self.released.set()


class OAuthProvider(Authority):
    """A running one. `heard` are the requests in the order of arrival, `connections` how many were made in all."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.connections = 0
        self._came = threading.Condition()
        self._server = _Server(self)
        super().__init__(clock)
        self.issuer = self.url

    def reset(self, clock: Clock | None = None) -> None:
        super().reset(clock)
        self.heard: list[Heard] = []
        self.metadata: dict[str, Any] = {}
        self.outage: int | None = None
        self._canned: dict[str, deque[Canned]] = {}
        self._losses: dict[str, int] = {}
        self._held: dict[str, tuple[Held, bool]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def at(self, path: str) -> list[Heard]:
        """What came to `path`."""
        return [one for one in list(self.heard) if one.path == path]

    def granted(self, grant_type: str) -> list[Heard]:
        """The token requests of this grant."""
        return [one for one in self.at(TOKEN) if one.form.get("grant_type") == grant_type]

    def await_requests(self, count: int, path: str = TOKEN) -> None:
        """Returns when `path` was asked `count` times."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.at(path)) >= count, LONGEST_SECONDS), f"{path} was not asked"

    def answer_next(
        self, path: str, status: int = 200, body: object = b"", headers: Mapping[str, str] = {}, *, times: int = 1
    ) -> None:
        """The next `times` requests to `path` are answered so, and nothing else happens. What is no bytes is sent as
        JSON.
        """
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._canned.setdefault(path, deque()).extend([Canned(status, data, headers)] * times)

    def lose_answers(self, path: str = TOKEN, *, times: int = 1) -> None:
        """The next `times` requests to `path` are carried out, and the connection ends instead of an answer."""
        self._losses[path] = times

    def fail(self, status: int | None = 503) -> None:
        """All requests are answered with `status` from now on, 0: by hanging up; None: that is over."""
        self.outage = status

    @contextmanager
    def held(self, path: str = TOKEN, *, answers: bool = False, most: int = 1000) -> Iterator[Held]:
        """Requests to `path`, the first `most` of them, wait until they are released, at the latest at the end of the
        block; with `answers` they are carried out before.
        """
        held = Held(most)
        self._held[path] = (held, answers)
        try:
            yield held
        finally:
            del self._held[path]
            held.release()

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.02)

    def close(self) -> None:
        for held, _ in self._held.values():
            held.release()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, heard: Heard) -> Canned | None:
        """What is sent back; None: nothing, and the connection ends."""
        self.heard.append(heard)
        with self._came:
            self._came.notify_all()
        held, after = self._held.get(heard.path, (None, False))
        if held is not None:
            with self.lock:
                held.left -= 1
            held = held if held.left >= 0 else None
        if held is not None and not after:
            _wait(held)
        if self.outage is not None:
            return _json((self.outage, {})) if self.outage else None
        with self.lock:
            waiting = self._canned.get(heard.path)
            made = waiting.popleft() if waiting else self._carried_out(heard)
            is_lost = self._losses.get(heard.path, 0) > 0
            if is_lost:
                self._losses[heard.path] -= 1
        if held is not None and after:
            _wait(held)
        return None if is_lost else made

    def _carried_out(self, heard: Heard) -> Canned:
        authorization = heard.headers.get("authorization")
        if heard.path == AUTHORIZE:
            return Canned(302, b"", {"Location": self.agree(f"{self.url}{AUTHORIZE}?{urlencode(heard.query)}")})
        endpoints: dict[str, Callable[[], Answer]] = {
            DISCOVERY: lambda: (200, self._metadata()),
            JWKS: lambda: (200, self.jwks()),
            TOKEN: lambda: self.token(heard.form, authorization),
            REVOKE: lambda: self.revoke(heard.form, authorization),
            "/par": lambda: self.push(heard.form, authorization),
            "/device": lambda: self.begin_device(heard.form),
            "/introspect": lambda: self.introspect(heard.form, authorization),
        }
        if heard.path in endpoints:
            return _json(endpoints[heard.path]())
        grant = self.bearer(authorization)
        if grant is None:
            return _json((401, {"error": "invalid_token"}), {"WWW-Authenticate": 'Bearer error="invalid_token"'})
        if heard.path in {"/userinfo", "/api/me"}:
            return _json((200, {"sub": grant.subject, "id": grant.subject, "email": self.email}))
        return (
            _json((200, _echo(heard))) if heard.path.startswith("/api/echo") else _json((404, {"error": "not_found"}))
        )

    def _metadata(self) -> dict[str, Any]:
        """RFC 8414; `metadata` is put over it, None taking something away."""
        said: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.url}{AUTHORIZE}",
            "token_endpoint": f"{self.url}{TOKEN}",
            "pushed_authorization_request_endpoint": f"{self.url}/par",
            "device_authorization_endpoint": f"{self.url}/device",
            "revocation_endpoint": f"{self.url}{REVOKE}",
            "introspection_endpoint": f"{self.url}/introspect",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}{JWKS}",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": self.sends_iss,
        }
        return {name: value for name, value in (said | self.metadata).items() if value is not None}


@contextmanager
def oauth_provider(clock: Clock | None = None) -> Iterator[OAuthProvider]:
    """A provider that runs inside the block."""
    provider = OAuthProvider(clock)
    thread = threading.Thread(target=provider.serve, name="oauth provider", daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.close()
        thread.join(10)


def _wait(held: Held) -> None:
    held.arrived.set()
    held.released.wait(LONGEST_SECONDS)


def _json(answer: Answer, headers: Mapping[str, str] = {}) -> Canned:
    status, document = answer
    plain = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Canned(status, json.dumps(document).encode(), plain | dict(headers))


def _echo(heard: Heard) -> dict[str, Any]:
    return {
        "method": heard.method,
        "path": heard.path,
        "query": heard.query,
        "headers": heard.headers,
        "body": heard.body.decode("utf-8", "replace"),
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, owner: OAuthProvider) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner

    def process_request(self, request: Any, client_address: Any) -> None:
        self.owner.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Requests are in `heard`."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self._body()
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        made = self.server.owner.answer(Heard(self.command, parts.path, query, headers, body))
        if made is None:
            self.close_connection = True
            return
        self.send_response(made.status)
        for name, value in made.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in made.headers:
            self.send_header("Content-Length", str(len(made.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(made.body)
