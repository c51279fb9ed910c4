"""A JSON system on loopback that a test makes of one function."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.services.integration_types import running


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request. `document` is its body as JSON, as a form, or as text; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    document: Any
    url: str


@dataclass(frozen=True)
class Said:
    """One answer. A `document` that is a text is sent as it is."""

    status: int
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


System = Callable[[Asked], Said]


@contextmanager
def json_server(system: System) -> Iterator[str]:
    """The address of `system`, which is asked by one thread at a time."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two packets; the second would wait for the acknowledgement of the first.
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            kind = (self.headers.get("Content-Type") or "").partition(";")[0]
            asked = Asked(
                method=self.command,
                path=unquote(parts.path),
                query=dict(parse_qsl(parts.query, keep_blank_values=True)),
                headers={name.lower(): value for name, value in self.headers.items()},
                document=read(kind, body),
                url=f"http://{self.headers['Host']}",
            )
            with lock:
                said = system(asked)
            is_text = isinstance(said.document, str)
            content = (
                b"" if said.document is None else (said.document if is_text else json.dumps(said.document)).encode()
            )
            self.send_response_only(said.status)
            usual = {"Content-Type": "text/plain" if is_text else "application/json", "Date": self.date_time_string()}
            for name, value in {**usual, **said.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815 (the library's names)

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url


def read(kind: str, body: bytes) -> Any:
    """The document of a request."""
    if not body:
        return None
    if kind == "application/x-www-form-urlencoded":
        return _form(body.decode())
    return body.decode() if kind == "text/plain" else json.loads(body)


def _form(text: str) -> Mapping[str, Any]:
    """The fields of a form; those named `…[]` are lists."""
    pairs = parse_qsl(text)
    lists = {name: [value for key, value in pairs if key == name] for name, _ in pairs if name.endswith("[]")}
    return {**dict(pairs), **lists}
