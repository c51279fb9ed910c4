"""HTTP byte by byte, for requests that no library would send."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

ANSWER_SECONDS = 40.0


@dataclass(frozen=True)
class RawAnswer:
    """An answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The error code, if it is an answer of ours."""
        try:
            return str(self.json()["error"]["code"])
        except (ValueError, KeyError, TypeError):
            return None


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """A connection to this machine."""
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as connection:
        yield connection


def exchange(port: int, request: bytes | Iterable[bytes], *, half_close: bool = False) -> RawAnswer | None:
    """Send `request` as it is, and read one answer; None when the connection ended without one.

    A server that has heard enough may stop listening: what it said before still counts.
    """
    pieces = [request] if isinstance(request, bytes) else request
    with connected(port) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                connection.sendall(piece)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> RawAnswer | None:
    """One answer; None when the connection ended without one."""
    with connection.makefile("rb") as stream:
        try:
            status_line = stream.readline()
            if not status_line:
                return None
            headers: dict[str, str] = {}
            while (line := stream.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
            length = headers.get("content-length")
            body = stream.read(int(length)) if length is not None else stream.read()
        except ConnectionResetError:
            return None
    return RawAnswer(int(status_line.split()[1]), headers, body)


def post(path: str, headers: Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]], body: bytes = b"") -> bytes:
    """A POST request with a `Content-Length`, unless `headers` say something else."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if not {"content-length", "transfer-encoding"} & {name.lower() for name, _ in pairs}:
        pairs.append(("Content-Length", str(len(body))))
    lines = [b"POST %s HTTP/1.1" % path.encode(), b"Host: gateway"]
    lines += [
        name.encode() + b": " + (value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in pairs
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(body: bytes, *, size: int = 65_536) -> bytes:
    """`body` in chunks (RFC 9112, 7.1)."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
