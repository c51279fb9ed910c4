"""An external system on loopback that behaves well and badly: each path has its own trick, and all are written down.

`python -m tests.services.fault_server` starts one by itself, which prints what came and what it did.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Heard:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class FaultServer:
    """A running server. `heard` are the requests in the order of arrival, `log` the same in words with the trick that
    was played; `stop` ends what hangs.
    """

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self.heard: list[Heard] = []
        self.log: list[str] = []
        self._tell = tell or self.log.append
        self.stop = threading.Event()
        self._server = _Server(self)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def at(self, path: str) -> list[Heard]:
        """What came to `path`."""
        return [one for one in list(self.heard) if one.path == path]

    def played(self, heard: Heard, trick: str) -> None:
        """`trick` is about to answer `heard`."""
        self._tell(f"{heard.method} {heard.path} ({len(heard.body)} bytes): {trick}")

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.02)

    def close(self) -> None:
        self.stop.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def fault_server() -> Iterator[FaultServer]:
    """A server that runs inside the block."""
    server = FaultServer()
    thread = threading.Thread(target=server.serve, name="fault server", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(10)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, owner: FaultServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Requests are in `heard`."""

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        owner = self.server.owner
        heard = Heard(
            self.command,
            parts.path,
            parse_qs(parts.query, keep_blank_values=True),
            {name.lower(): value for name, value in self.headers.items()},
            body,
        )
        owner.heard.append(heard)
        name = parts.path.strip("/").split("/")[0]
        trick = TRICKS.get(f"/{name}", echoes)
        owner.played(heard, name.replace("-", " ") if trick is not echoes else "echo")
        trick(self, heard)

    def answer(self, status: int, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def raw(self, data: bytes) -> None:
        """These bytes, and the end of the connection."""
        self.wfile.write(data)
        self.wfile.flush()
        self.close_connection = True

    def drip(self, data: bytes) -> None:
        """One byte at a time, for ever if need be."""
        for byte in data:
            if self.server.owner.stop.wait(0.03):
                break
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
        self.close_connection = True


def echoes(handler: _Handler, heard: Heard) -> None:
    """What came, as JSON."""
    document = {
        "method": heard.method,
        "path": heard.path,
        "query": heard.query,
        "headers": heard.headers,
        "body": heard.body.decode("utf-8", "replace"),
    }
    handler.answer(200, json.dumps(document).encode(), X_Request_Id="req-1")


def status(handler: _Handler, heard: Heard) -> None:
    """`/status/429?retry_after=2&times=1`: that status, the first so many times."""
    code = int(heard.path.split("/")[2])
    times = int(heard.query.get("times", ["1000000"])[0])
    if len(handler.server.owner.at(heard.path)) > times:
        echoes(handler, heard)
        return
    more = {"Retry_After": heard.query["retry_after"][0]} if "retry_after" in heard.query else {}
    said = {"error": {"code": "went_wrong", "message": f"said {code}", "token": heard.headers.get("authorization", "")}}
    handler.answer(code, json.dumps(said).encode(), X_Request_Id="req-1", **more)


def secret_told(handler: _Handler, heard: Heard) -> None:
    """Says the credentials again, as some do."""
    said = {"message": f"bad call {heard.headers.get('authorization')} {heard.query}"}
    handler.answer(400, json.dumps(said).encode())


def secret_everywhere(handler: _Handler, heard: Heard) -> None:
    """Says the token as its code, as its name for the call, and where its message is cut off; cannot, for the rest."""
    told = heard.headers["authorization"].removeprefix("Bearer ")
    said = {"code": f"bad {told}", "message": f"{told} {'x' * (190 - len(told))} {told}"}
    handler.answer(503, json.dumps(said).encode(), X_Request_Id=f"req-{told}")


def early_hints(handler: _Handler, heard: Heard) -> None:
    """Announces an answer (RFC 8297), and gives it once the connection is used for something else."""
    handler.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
    handler.rfile.readline(65537)
    handler.raw(_HEAD + b'Content-Length: 26\r\n\r\n{"path": "/of-the-former"}')


def silent(handler: _Handler, heard: Heard) -> None:
    """Says nothing."""
    handler.server.owner.stop.wait(60)
    handler.close_connection = True


def hangs_up(handler: _Handler, heard: Heard) -> None:
    """Closes the connection without a word; `/hangs-up?times=1`: the first so many times."""
    times = int(heard.query.get("times", ["1000000"])[0])
    if len(handler.server.owner.at(heard.path)) > times:
        echoes(handler, heard)
    else:
        handler.close_connection = True


def whole_page(kind: str, status: int = 200) -> Callable[[_Handler, Heard], None]:
    """A page for people."""
    return lambda handler, heard: handler.answer(status, b"<!doctype html><title>Sign in</title>", kind)


def huge(handler: _Handler, heard: Heard) -> None:
    """An answer without an end."""
    handler.send_response(200)
    handler.end_headers()
    block = b" " * 65536
    while not handler.server.owner.stop.is_set():
        handler.wfile.write(block)


def bomb(handler: _Handler, heard: Heard) -> None:
    """20 MB of blanks in 20 KB."""
    handler.answer(200, _bomb(), Content_Encoding="gzip")


def redirect(handler: _Handler, heard: Heard) -> None:
    """`/redirect?to=…&status=302`."""
    handler.answer(int(heard.query.get("status", ["302"])[0]), b"", Location=heard.query["to"][0])


def listing(handler: _Handler, heard: Heard) -> None:
    """`/listing?page=2`: three pages of two records each, said in every way in which systems say where the next is."""
    page = int(heard.query.get("page", heard.query.get("cursor", ["1"]))[0])
    if "offset" in heard.query:
        page = int(heard.query["offset"][0]) // 2 + 1
    records = [{"id": 2 * page - 1}, {"id": 2 * page}] if page <= 3 else []
    following = page + 1 if page < 3 else None
    owner = handler.server.owner
    document = {"records": records, "next_cursor": str(following) if following else None, "has_more": bool(following)}
    document["next"] = f"/listing?page={following}" if following else None
    more = {"Link": f'<{owner.url}/listing?page={following}>; rel="next"'} if following else {}
    handler.answer(200, json.dumps(document).encode(), **more)


def kept(handler: _Handler, heard: Heard) -> None:
    """`/kept/x?h=ETag:"1"&h=Vary:Accept&fails_after=1`: with these headers, and 304 when it is asked for by its ETag.

    The body is how many such requests came to the path. A write is answered as any other call."""
    if heard.method != "GET":
        echoes(handler, heard)
        return
    count = len([one for one in handler.server.owner.at(heard.path) if one.method == "GET"])
    if count > int(heard.query.get("fails_after", ["1000000"])[0]):
        handler.answer(503, b"{}")
        return
    headers = dict(pair.split(":", 1) for pair in heard.query.get("h", []))
    known = heard.headers.get("if-none-match")
    status = 304 if known is not None and known == headers.get("ETag") else 200
    said = headers | {"X-Count": str(count)} | ({"ETag": '"of-another"'} if known and "other" in heard.query else {})
    status = 304 if known and "other" in heard.query else status
    handler.answer(status, b"" if status == 304 else str(count).encode(), **said)


def no_gzip(handler: _Handler, heard: Heard) -> None:
    """Takes bodies as they are only; `/no-gzip?never=1`: those neither."""
    if "content-encoding" in heard.headers or "never" in heard.query:
        handler.answer(415, b"{}", Accept_Encoding="identity")
    else:
        echoes(handler, heard)


def takes_gzip(handler: _Handler, heard: Heard) -> None:
    """What came, with the body as it was before compression."""
    body = gzip.decompress(heard.body) if heard.headers.get("content-encoding") == "gzip" else heard.body
    echoes(handler, replace(heard, body=body))


def items(handler: _Handler, heard: Heard) -> None:
    """`/items?bytes=100`: takes a list of numbers, 413 when it is longer; refuses one with a 13, cannot with a 7."""
    found = json.loads(heard.body)
    if len(heard.body) > int(heard.query.get("bytes", ["1000000"])[0]):
        handler.answer(413, b"{}")
    elif 13 in found:
        handler.answer(422, b'{"message": "a 13 is in it"}')
    elif 7 in found:
        handler.answer(503, b"{}")
    else:
        handler.answer(200, json.dumps([{"of": one, "ok": one % 10 != 0} for one in reversed(found)]).encode())


def token(handler: _Handler, heard: Heard) -> None:
    """A token service: each token once; `/token?expires_in=…&error=…`."""
    if "error" in heard.query:
        handler.answer(400, json.dumps({"error": heard.query["error"][0]}).encode())
        return
    count = len(handler.server.owner.at(heard.path))
    document: dict[str, object] = {"access_token": f"given-{count}", "token_type": "Bearer"}
    if "expires_in" in heard.query:
        document["expires_in"] = int(heard.query["expires_in"][0])
    handler.answer(200, json.dumps(document).encode())


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@cache
def _bomb() -> bytes:
    """When it is first asked for: packing it takes half a second, and whoever collects tests imports this."""
    return gzip.compress(b" " * 20_000_000, 6)


@cache
def _deflate_bomb() -> bytes:
    return zlib.compress(b" " * 20_000_000, 6)


TRICKS: dict[str, Callable[[_Handler, Heard], None]] = {
    "/status": status,
    "/secret-told": secret_told,
    "/secret-everywhere": secret_everywhere,
    "/early-hints": early_hints,
    "/silent": silent,
    "/hangs-up": hangs_up,
    "/html": whole_page("text/html"),
    "/huge": huge,
    "/bomb": bomb,
    "/redirect": redirect,
    "/round": lambda handler, heard: handler.answer(302, b"", Location="/round"),
    "/listing": listing,
    "/kept": kept,
    "/items": items,
    "/no-gzip": no_gzip,
    "/takes-gzip": takes_gzip,
    "/deflate-bomb": lambda handler, heard: handler.answer(200, _deflate_bomb(), Content_Encoding="deflate"),
    "/token": token,
    "/empty": lambda handler, heard: handler.answer(200, b""),
    "/wrong-type": lambda handler, heard: handler.answer(200, b"pong", "text/plain"),
    "/half-json": lambda handler, heard: handler.answer(200, b'{"a": [1, 2'),
    "/half-body": lambda handler, heard: handler.raw(_HEAD + b'Content-Length: 100\r\n\r\n{"a": 1'),
    "/bad-chunk": lambda handler, heard: handler.raw(_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"),
    "/gzip": lambda handler, heard: handler.answer(200, gzip.compress(b'{"ok": 1}'), Content_Encoding="gzip"),
    "/bad-gzip": lambda handler, heard: handler.answer(200, b"this is not gzip", Content_Encoding="gzip"),
    "/garbage": lambda handler, heard: handler.raw(b"\x00\x01\x02 not HTTP at all\r\n\r\n"),
    "/dripping-head": lambda handler, heard: handler.drip(b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"a" * 5000),
    "/dripping-body": lambda handler, heard: handler.drip(_HEAD + b"Content-Length: 5000\r\n\r\n" + b" " * 5000),
}


if __name__ == "__main__":
    alone = FaultServer(tell=print)
    print(f"{alone.url}: {', '.join(sorted(TRICKS))}; any other path tells what came")
    with contextlib.suppress(KeyboardInterrupt):
        alone.serve()
