"""What every answer carries, the usual ones too, for which it is not put together anew."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.server.answering import send_answer
from gateway.webhooks.arrival import Answer, refusal
from gateway.webhooks.receive.answers import answer_headers
from tests.services.for_each import for_each

ANSWERS = {
    "stored": Answer(200, b'{"status": "accepted"}'),
    "empty": Answer(200, b""),
    "without a body": Answer(204, b""),
    "unchanged": Answer(304, b""),
    "text": Answer(200, b"challenge", "text/plain"),
    "with headers": Answer(200, b"{}", headers=(("X-Hook-Secret", "abc"),)),
    "refused": refusal(429, "rate_limited", "too many", retry_after_seconds=3),
}


@for_each(ANSWERS.items(), name=lambda item: str(item[0]))
def test_an_answer_has_its_headers_and_its_length(item: tuple[str, Answer]) -> None:
    answer = item[1]
    expected = [(name.lower().encode(), value.encode()) for name, value in answer_headers(answer)]
    start, body = asyncio.run(_sent("POST", answer))
    assert start["status"] == answer.status
    assert start["headers"] == [*expected, (b"x-request-id", b"req_1")]
    assert body["body"] == answer.body
    start, body = asyncio.run(_sent("HEAD", answer, closes=True))
    assert start["headers"] == [*expected, (b"x-request-id", b"req_1"), (b"connection", b"close")]
    assert body["body"] == b""


async def _sent(method: str, answer: Answer, *, closes: bool = False) -> list[Any]:
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    await send_answer({"method": method}, send, answer, "req_1", closes=closes)
    return messages
