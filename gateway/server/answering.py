"""Writing a complete answer as ASGI's messages."""

from __future__ import annotations

from functools import lru_cache

from gateway.server.messages import Scope, Send
from gateway.telemetry import request_ids
from gateway.webhooks.arrival import Answer
from gateway.webhooks.receive.answers import answer_headers

_REQUEST_ID = request_ids.HEADER.lower().encode("latin-1")
_CLOSE = (b"connection", b"close")


async def send_answer(scope: Scope, send: Send, answer: Answer, request_id: str, *, closes: bool = False) -> None:
    """Answer the request of `scope`. `closes`: the connection cannot serve another request."""
    headers = [(header_name(name), value.encode("latin-1")) for name, value in answer_headers(answer)]
    headers.append((_REQUEST_ID, request_id.encode("latin-1")))
    if closes:
        headers.append(_CLOSE)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})


@lru_cache(maxsize=256)
def header_name(name: str) -> bytes:
    """A header's name as ASGI has it; answers have few."""
    return name.lower().encode("latin-1")
