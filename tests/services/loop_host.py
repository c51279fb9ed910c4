"""The event-loop front as a WSGI callable, so that one suite of tests drives both hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, MutableMapping
from http import HTTPStatus
from typing import Any

from flask import Flask

from gateway.server.front import Front

PIECE_BYTES = 64 * 1024


class LoopHost:
    """Takes WSGI requests, plays them to the front on a loop of its own, and gives WSGI answers."""

    def __init__(self, app: Flask) -> None:
        self._runner = asyncio.Runner()
        self._front = Front(app, threads=2)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        messages = self._runner.run(self._play(environ))
        status: int = messages[0]["status"]
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in messages[0]["headers"]]
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [message["body"] for message in messages[1:]]

    def close(self) -> None:
        """End the loop."""
        self._runner.close()

    async def _play(self, environ: dict[str, Any]) -> list[MutableMapping[str, Any]]:
        body = environ["wsgi.input"].read()
        pieces = [body[at : at + PIECE_BYTES] for at in range(0, len(body), PIECE_BYTES)] or [b""]
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await self._front(_scope(environ), receive, send)
        return sent


def _scope(environ: dict[str, Any]) -> dict[str, Any]:
    raw = environ.get("RAW_URI") or environ["REQUEST_URI"]
    path, _, query = raw.partition("?")
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-").lower().encode("latin-1"), str(value).encode("latin-1"))
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name in {"CONTENT_TYPE", "CONTENT_LENGTH"} and value)
    ]
    return {
        "type": "http",
        "http_version": "1.1",
        "method": environ["REQUEST_METHOD"],
        "scheme": environ["wsgi.url_scheme"],
        "path": environ["PATH_INFO"],
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": headers,
        "client": (environ.get("REMOTE_ADDR", "127.0.0.1"), 50000),
        "server": ("127.0.0.1", 8000),
    }
