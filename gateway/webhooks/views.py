"""The inbound URLs: a Flask request becomes an `Arrival`, an `Answer` becomes the response. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from gateway.clock import Clock
from gateway.tenants.models import DEFAULT_TENANT
from gateway.webhooks.arrival import Answer, Arrival, refusal
from gateway.webhooks.ingest import Ingest

METHODS = ["GET", "POST", "HEAD", "OPTIONS"]
READ_BYTES = 64 * 1024

URL_PREFIX = "/webhooks"
blueprint = Blueprint("webhooks", __name__, url_prefix=URL_PREFIX)


@blueprint.route("/<source>", methods=METHODS, provide_automatic_options=False)
@blueprint.route("/<tenant>/<source>", methods=METHODS, provide_automatic_options=False)
def receive(source: str, tenant: str = DEFAULT_TENANT) -> Response:
    """An inbound webhook or a provider's handshake."""
    inbound: Inbound = current_app.extensions["gateway.inbound"]
    return respond(inbound.ingest.receive(inbound.arrival(tenant, source)))


@blueprint.app_errorhandler(HTTPException)
def refuse(error: HTTPException) -> Response | HTTPException:
    """Flask's own refusals of an inbound request, in the shape of the inbound contract. For the whole application,
    because a request that matches no route or method belongs to no blueprint.
    """
    if not request.path.startswith(f"{URL_PREFIX}/"):
        return error
    codes = {404: "source_unknown", 405: "method_not_allowed", 413: "body_too_large"}
    status = error.code or 500
    headers = tuple((name, value) for name, value in error.get_headers() if name == "Allow")
    return respond(refusal(status, codes.get(status, "bad_request"), error.description or error.name, headers=headers))


def respond(answer: Answer) -> Response:
    """The Flask response of an answer."""
    response = Response(answer.body, status=answer.status, content_type=answer.content_type)
    for name, value in answer.headers:
        response.headers.add(name, value)
    return response


class Inbound:
    """What the view needs: the use case, and what a request is read with."""

    def __init__(
        self,
        ingest: Ingest,
        clock: Clock,
        *,
        base_url: str,
        max_body_bytes: int,
        closers: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._closers = closers
        self.ingest = ingest
        self._clock = clock
        self._base_url = base_url
        self._max_body_bytes = max_body_bytes

    def close(self) -> None:
        """Commit what waits, write the last rejections, end the threads: in this order. Idempotent."""
        for close in self._closers:
            close()

    def arrival(self, tenant: str, source: str) -> Arrival:
        """The current request, its body read up to one byte over the limit."""
        environ: dict[str, Any] = request.environ
        body, oversized, truncated = self._body(environ)
        return Arrival(
            tenant=tenant,
            source=source,
            method=environ["REQUEST_METHOD"],
            url=self._base_url + raw_target(environ),
            headers=header_pairs(environ),
            body=body,
            client_address=environ.get("REMOTE_ADDR") or "",
            request_id=g.request_id,
            received_at_us=self._clock.now_us(),
            is_oversized=oversized,
            is_truncated=truncated,
        )

    def _body(self, environ: dict[str, Any]) -> tuple[bytes, bool, bool]:
        """The body, whether it is over the limit, and whether it ended before its announced length."""
        announced = environ.get("CONTENT_LENGTH")
        if announced:
            length = int(announced) if announced.isdecimal() else 0
            if length > self._max_body_bytes:
                return b"", True, False
            body = read_up_to(environ["wsgi.input"], length)
            return body, False, len(body) < length
        if not environ.get("wsgi.input_terminated"):
            return b"", False, False
        body = read_up_to(environ["wsgi.input"], self._max_body_bytes + 1)
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


def raw_target(environ: dict[str, Any]) -> str:
    """Path and query exactly as they stood on the request line: some providers sign them."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if raw and raw.startswith("/"):
        return str(raw)
    if raw and "://" in raw:
        rest = str(raw).split("://", 1)[1]
        return "/" + rest.split("/", 1)[1] if "/" in rest else "/"
    return request.full_path if request.query_string else request.path


def header_pairs(environ: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The request's headers in order. WSGI has joined repeats with commas and lost the case of names."""
    pairs = [(_name(key), value) for key, value in environ.items() if key.startswith("HTTP_")]
    for key, name in (("CONTENT_TYPE", "Content-Type"), ("CONTENT_LENGTH", "Content-Length")):
        if environ.get(key):
            pairs.append((name, environ[key]))
    return tuple(pairs)


_NAMES: dict[str, str] = {}


def _name(key: str) -> str:
    """`HTTP_X_HUB_SIGNATURE` as `X-Hub-Signature`; names are remembered up to a bound, attackers can send any."""
    name = _NAMES.get(key)
    if name is None:
        name = key[5:].replace("_", "-").title()
        if len(_NAMES) < 1024:
            _NAMES[key] = name
    return name
