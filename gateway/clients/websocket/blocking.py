"""The blocking twin: an event loop in a thread, for who has none. What it runs is the same code.

with BlockingWebSocket(WebSocketClient("wss://stream.example.com/v1", auth=Bearer(token))) as socket:
    for message in socket:
        ...
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.clients.loop_thread import LoopThread
from gateway.clients.websocket.client import WebSocketClient


class BlockingWebSocket:
    """`WebSocketClient` for threads: iterate in one, send from any."""

    def __init__(self, client: WebSocketClient) -> None:
        self._client = client
        self._thread = LoopThread()

    def __enter__(self) -> BlockingWebSocket:
        self._thread.__enter__()
        try:
            self._thread.enter(self._client)
        except BaseException:
            self._thread.__exit__()
            raise
        self._messages = self._thread.each(self._client)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.__exit__()

    def __iter__(self) -> Iterator[Any]:
        return self._messages

    def send(self, document: Any, *, timeout_seconds: float | None = None) -> None:
        """As the client does."""
        self._thread.run(self._client.send(document), timeout_seconds=timeout_seconds)
