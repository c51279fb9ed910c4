"""Reading an inbound HTTP request: a WSGI environment becomes an `Arrival`.

A server that has read the request already leaves what it knows in the environment: `BODY_KEY` (body, whether it was
over the limit, whether it was cut short) and `HEADERS_KEY` (pairs in the order received, repeats kept). The
application leaves the id that it gave the request at `REQUEST_ID_KEY`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from gateway.clock import Clock
from gateway.webhooks.arrival import Arrival

READ_BYTES = 64 * 1024
BODY_KEY = "gateway.body"
HEADERS_KEY = "gateway.headers"
REQUEST_ID_KEY = "gateway.request_id"

Body = tuple[bytes, bool, bool]
"""The bytes, whether there were more than the limit allows, and whether they ended before their announced length."""


class RequestReader:
    """Reads the current Flask request, its body up to the limit."""

    def __init__(self, clock: Clock, *, base_url: str, max_body_bytes: int) -> None:
        self._clock = clock
        self._base_url = base_url
        self._max_body_bytes = max_body_bytes

    def arrival(self, tenant: str, source: str) -> Arrival:
        """The current request."""
        environ: dict[str, Any] = request.environ
        body, oversized, truncated = environ.get(BODY_KEY) or self._body(environ)
        return Arrival(
            tenant=tenant,
            source=source,
            method=environ["REQUEST_METHOD"],
            url=self._base_url + raw_target(environ),
            headers=environ.get(HEADERS_KEY) or header_pairs(environ),
            body=body,
            client_address=environ.get("REMOTE_ADDR") or "",
            request_id=environ[REQUEST_ID_KEY],
            received_at_us=self._clock.now_us(),
            began=self._clock.monotonic(),
            # Whatever the server let through, the limit is kept here.
            is_oversized=oversized or len(body) > self._max_body_bytes,
            is_truncated=truncated,
        )

    def _body(self, environ: Mapping[str, Any]) -> Body:
        announced = environ.get("CONTENT_LENGTH")
        if announced:
            length = int(announced) if announced.isdecimal() else 0
            if length > self._max_body_bytes:
                return b"", True, False
            body = read_up_to(environ["wsgi.input"], length)
            return body, False, len(body) < length
        if not environ.get("wsgi.input_terminated"):
            return b"", False, False
        try:
            body = read_up_to(environ["wsgi.input"], self._max_body_bytes + 1)
        except OSError:
            # How servers tell that a chunked body broke off.
            return b"", False, True
        oversized = len(body) > self._max_body_bytes
        return (b"" if oversized else body), oversized, False


def read_up_to(stream: Any, size: int) -> bytes:
    """Read until `size` bytes have come or the stream ends."""
    data = bytes(stream.read(size)) if size else b""
    if len(data) == size:
        return data
    chunks, held = [data], len(data)
    while chunks[-1] and held < size:
        chunks.append(bytes(stream.read(min(size - held, READ_BYTES))))
        held += len(chunks[-1])
    return b"".join(chunks)


def raw_target(environ: Mapping[str, Any]) -> str:
    """Path and query exactly as they stood on the request line: some providers sign them."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if raw and raw.startswith("/"):
        return str(raw)
    if raw and "://" in raw:
        rest = str(raw).split("://", 1)[1]
        return "/" + rest.split("/", 1)[1] if "/" in rest else "/"
    return request.full_path if request.query_string else request.path


def header_pairs(environ: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The request's headers in order. WSGI has joined repeats with commas and lost the case of names."""
    pairs = [(_name(key), value) for key, value in environ.items() if key.startswith("HTTP_")]
    for key, name in (("CONTENT_TYPE", "Content-Type"), ("CONTENT_LENGTH", "Content-Length")):
        if environ.get(key):
            pairs.append((name, environ[key]))
    return tuple(pairs)


_NAMES: dict[str, str] = {}


def _name(key: str) -> str:
    """`HTTP_X_HUB_SIGNATURE` as `X-Hub-Signature`; short names are remembered up to a bound, attackers can send any."""
    name = _NAMES.get(key)
    if name is None:
        name = key[5:].replace("_", "-").title()
        if len(_NAMES) < 1024 and len(key) <= 64:
            _NAMES[key] = name
    return name
