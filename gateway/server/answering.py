"""Writing a complete answer as ASGI's messages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from gateway.server.messages import Scope, Send
from gateway.telemetry import request_ids
from gateway.webhooks.arrival import JSON_TYPE, Answer
from gateway.webhooks.receive.answers import answer_headers

_REQUEST_ID = request_ids.HEADER.lower().encode("latin-1")
_CLOSE = (b"connection", b"close")
_LENGTH = b"content-length"


async def send_answer(scope: Scope, send: Send, answer: Answer, request_id: str, *, closes: bool = False) -> None:
    """Answer the request of `scope`. `closes`: the connection cannot serve another request."""
    if answer.status == 200 and answer.content_type is JSON_TYPE and not answer.headers:
        headers = [*_USUAL, (_LENGTH, b"%d" % len(answer.body))]
    else:
        headers = _encoded(answer_headers(answer))
    headers.append((_REQUEST_ID, request_id.encode("latin-1")))
    if closes:
        headers.append(_CLOSE)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})


def _encoded(headers: Sequence[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(header_name(name), value.encode("latin-1")) for name, value in headers]


@lru_cache(maxsize=256)
def header_name(name: str) -> bytes:
    """A header's name as ASGI has it; answers have few."""
    return name.lower().encode("latin-1")


# Of nearly every answer, but for its length.
_USUAL = tuple(pair for pair in _encoded(answer_headers(Answer(200, b""))) if pair[0] != _LENGTH)
