"""Reading an inbound HTTP request on a WSGI host (PEP 3333): its environment becomes an `Arrival`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gateway.clock import Clock
from gateway.webhooks.arrival import Arrival, Body
from gateway.webhooks.receive.addressing import Address, origin_form

READ_BYTES = 64 * 1024


class RequestReader:
    """Reads requests, their bodies up to the limit."""

    def __init__(self, clock: Clock, *, base_url: str, max_body_bytes: int) -> None:
        self._clock = clock
        self._base_url = base_url
        self._max_body_bytes = max_body_bytes

    def arrival(self, environ: Mapping[str, Any], address: Address, request_id: str) -> Arrival:
        """The request of `environ`, which is for `address`."""
        body = self._body(environ)
        return Arrival(
            tenant=address.tenant,
            source=address.source,
            method=environ["REQUEST_METHOD"],
            url=self._base_url + target_of(environ),
            headers=header_pairs(environ),
            body=body.data,
            client_address=environ.get("REMOTE_ADDR") or "",
            request_id=request_id,
            received_at_us=self._clock.now_us(),
            began=self._clock.monotonic(),
            is_oversized=body.is_oversized,
            is_truncated=body.is_truncated,
        )

    def _body(self, environ: Mapping[str, Any]) -> Body:
        announced = environ.get("CONTENT_LENGTH")
        if announced:
            length = int(announced) if announced.isdecimal() else 0
            if length > self._max_body_bytes:
                return Body(b"", is_oversized=True)
            data = read_up_to(environ["wsgi.input"], length)
            return Body(data, is_truncated=len(data) < length)
        if not environ.get("wsgi.input_terminated"):
            return Body(b"")
        try:
            data = read_up_to(environ["wsgi.input"], self._max_body_bytes + 1)
        except OSError:
            # How servers tell that a chunked body broke off.
            return Body(b"", is_truncated=True)
        return Body(b"", is_oversized=True) if len(data) > self._max_body_bytes else Body(data)


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


def target_of(environ: Mapping[str, Any]) -> str:
    """Path and query exactly as they stood on the request line, without the prefix under which the server serves the
    application: some providers sign them. A server that does not tell has them encoded anew.
    """
    prefix = environ.get("SCRIPT_NAME", "")
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if raw:
        target = origin_form(raw)
        return target.removeprefix(prefix) if prefix else target
    path, query = quote(environ.get("PATH_INFO", "").encode("latin-1")), environ.get("QUERY_STRING")
    return f"{path}?{query}" if query else path


def header_pairs(environ: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The request's headers as they were sent. WSGI has joined repeats with commas and lost the case of names."""
    # `ProxyFix` has put the host that a proxy names in the place of the one that was sent.
    host = environ.get("werkzeug.proxy_fix.orig", environ).get("HTTP_HOST")
    pairs = [("Host", host)] if host is not None else []
    pairs += [(_name(key), value) for key, value in environ.items() if key.startswith("HTTP_") and key != "HTTP_HOST"]
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
