"""A provider of the tests' own that takes a body at the test's pace, and may answer before its end."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 20.0
PIECE_BYTES = 64 * 1024
SINK = "sink"
_ENTRY = """
name: a sink
category: crm
docs: the tests
evidence: {{level: docs, by: [the tests]}}
api:
  base_url: {url}/api
  docs: "the tests"
  credential: {{kind: bearer}}
  resources:
    things: {{path: /me, records: data, id: id, paging: {{style: single}}}}
"""


@dataclass
class Taken:
    """One request: its head, how much of its body came, and whether all of it did."""

    head: bytes
    count: int = 0
    is_whole: bool = False
    digest: str = ""


@dataclass
class UploadSink:
    """Listens on loopback. Bodies are taken once `go_on` is set; one for `/early` is answered before."""

    port: int
    go_on: threading.Event = field(default_factory=threading.Event)
    heard: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    done: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    taken: list[Taken] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def await_head(self) -> None:
        """Wait for the next request."""
        assert self.heard.acquire(timeout=SECONDS)

    def await_end(self) -> Taken:
        """Wait until the next one is over, and what came of it."""
        assert self.done.acquire(timeout=SECONDS)
        return self.taken[-1]

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, suppress(ConnectionError):
            head = b"".join(iter(stream.readline, b"\r\n"))
            self.taken.append(Taken(head))
            self.heard.release()
            if b"/early" in head.split(b"\r\n")[0]:
                answer(connection, b"413 Content Too Large")
                self._take(stream, self.taken[-1])
            else:
                assert self.go_on.wait(SECONDS)
                self._take(stream, self.taken[-1])
                if self.taken[-1].is_whole:
                    answer(connection, b"200 OK")
        self.done.release()

    def _take(self, stream: socket.SocketIO, taken: Taken) -> None:  # type: ignore[override]
        digest = hashlib.sha256()
        with suppress(ConnectionError):
            for piece in pieces_of(taken.head, stream):
                if piece is None:
                    break
                digest.update(piece)
                taken.count += len(piece)
            else:
                taken.is_whole = True
        taken.digest = digest.hexdigest()


def pieces_of(head: bytes, stream: socket.SocketIO) -> Iterator[bytes | None]:
    """The body as it comes; None where it broke off."""
    fields = {line.split(b":")[0].lower(): line.split(b":", 1)[1].strip() for line in head.split(b"\r\n")[1:] if line}
    if fields.get(b"transfer-encoding") == b"chunked":
        while line := stream.readline():
            size = int(line, 16)
            piece = stream.read(size) if size else b""
            stream.readline()
            if not size:
                return
            yield piece
        yield None
        return
    left = int(fields.get(b"content-length", 0))
    while left:
        piece = stream.read(min(left, PIECE_BYTES))
        yield piece or None
        left -= len(piece or b"")


def answer(connection: socket.socket, status: bytes) -> None:
    """A whole answer, after which nothing more is taken."""
    connection.sendall(
        b"HTTP/1.1 " + status + b"\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\ntaken"
    )
    connection.shutdown(socket.SHUT_WR)


def write_entry(directory: Path, sink: UploadSink) -> None:
    """A catalogue entry of it, by a key."""
    (directory / f"{SINK}.yaml").write_text(_ENTRY.format(url=sink.url), encoding="utf-8")


@contextmanager
def upload_sink() -> Iterator[UploadSink]:
    """One that listens inside of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sink = UploadSink(listener.getsockname()[1])

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=sink.serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield sink
        finally:
            sink.go_on.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(SECONDS)
