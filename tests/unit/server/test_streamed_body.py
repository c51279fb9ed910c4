"""Bodies that are passed on while they come, as the thread that reads them sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import BodyIncomplete, BodyTooSlow, GatewayError, StorageUnavailable
from gateway.server.messages import Message
from gateway.server.streamed_body import HELD_BYTES, STREAMED, StreamedBody, body_or_stream

SMALL, LARGE = b"small", b"x" * (HELD_BYTES + 1)


def piece(body: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def read(
    *messages: Message,
    then: Callable[[StreamedBody], Any] = lambda body: body.read(),
    scope: Any = None,
    told: list[Message] | None = None,
) -> Any:
    """A whole body, or what `then` makes of one that is streamed; after the last message nothing comes."""
    left = list(messages)

    async def send(message: Message) -> None:
        assert told is not None, "this host knows nothing of it"
        told.append(message)

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    async def run() -> Any:
        body = await body_or_stream(scope or {}, receive, send, seconds=0.05)
        return body if isinstance(body, bytes) else await asyncio.to_thread(then, body)

    return asyncio.run(run())


def test_a_small_body_is_read_as_a_whole() -> None:
    assert read(piece(b"", more=False)) == b""
    assert read(piece(SMALL), piece(SMALL, more=False)) == SMALL * 2


def test_a_large_one_comes_piece_by_piece() -> None:
    def taken(body: StreamedBody) -> list[bytes]:
        return [body.read(10), body.read(HELD_BYTES), body.read(100), body.read(100), body.read(1)]

    first, rest, *others = read(piece(LARGE), piece(b""), piece(SMALL, more=False), then=taken)
    assert (len(first), len(rest), others) == (10, HELD_BYTES - 9, [SMALL, b"", b""])
    assert read(piece(LARGE), piece(SMALL, more=False)) == LARGE + SMALL


def test_the_host_is_told_when_one_is_streamed() -> None:
    told: list[Message] = []
    scope = {"extensions": {STREAMED: {}}}
    read(piece(SMALL, more=False), scope=scope, told=told)
    assert told == []
    read(piece(LARGE), piece(b"", more=False), scope=scope, told=told)
    assert told == [{"type": STREAMED}]


@pytest.mark.parametrize("start", [SMALL, LARGE], ids=["small", "large"])
def test_who_sends_nothing_more_is_not_waited_for(start: bytes) -> None:
    with pytest.raises(BodyTooSlow):
        read(piece(start))


@pytest.mark.parametrize("start", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(("end", "error"), [({}, BodyIncomplete), ({"overloaded": True}, StorageUnavailable)])
def test_a_body_that_breaks_off_is_none(start: bytes, end: dict[str, Any], error: type[GatewayError]) -> None:
    with pytest.raises(error):
        read(piece(start), {"type": "http.disconnect", **end})
