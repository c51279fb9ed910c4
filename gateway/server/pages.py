"""Pages: everything that is not a webhook, answered by the Flask application in threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

from gateway.server.answering import header_name
from gateway.server.environ import environ_of
from gateway.server.messages import Scope, Send
from gateway.server.page_pool import PagePool

Parts = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body of a response."""


class Pages:
    """Answers pages of one process, `threads` at a time. `webhooks` counts what has come in."""

    def __init__(self, app: Flask, threads: int, webhooks: Callable[[], int]) -> None:
        self._app = app
        self._pool = PagePool(threads, webhooks)

    async def serve(self, scope: Scope, body: bytes, send: Send) -> None:
        """Answer the request of `scope`."""
        status, headers, content = await self._pool.run(self._call, environ_of(scope, body))
        encoded = [(header_name(name), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": content})

    def close(self) -> None:
        """Take no more. Pages under way end by themselves."""
        self._pool.close()

    def _call(self, environ: dict[str, Any]) -> Parts:
        """The Flask application, as any WSGI server calls it."""
        status, headers = "500", []

        def start_response(given: str, pairs: list[tuple[str, str]], _error: object = None) -> Any:
            nonlocal status, headers
            status, headers = given, pairs
            return None

        chunks = self._app.wsgi_app(environ, start_response)
        try:
            body = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        return int(status.split(" ", 1)[0]), headers, body
