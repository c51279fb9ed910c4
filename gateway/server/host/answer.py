"""The bytes of an answer's head and of its chunks (RFC 9112)."""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus

Headers = Iterable[tuple[bytes, bytes]]

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_STATUS_LINES[413] = b"HTTP/1.1 413 Payload Too Large\r\n"
_STATUS_LINES[414] = b"HTTP/1.1 414 URI Too Long\r\n"
_OURS = b"Server: gunicorn/asgi\r\nDate: "

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def today() -> bytes:
    """The value of `Date`, good for a second."""
    return formatdate(usegmt=True).encode()


def head_of(status: int, headers: Headers, date: bytes, *, closes: bool) -> bytes:
    """An answer's head. Raises `ValueError` for a header that would break out of its line."""
    lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status]
    lines += [b"%s: %s\r\n" % (name, value) for name, value in headers]
    lines.append(b"%s%s\r\nConnection: close\r\n" % (_OURS, date) if closes else b"%s%s\r\n" % (_OURS, date))
    head = b"".join(lines)
    ends = len(lines) + 1 + closes
    if not head.count(b"\r\n") == head.count(b"\n") == head.count(b"\r") == ends:
        raise ValueError("a header of the answer has a line break in it")
    return head + b"\r\n"


def text_of(status: int, text: str, date: bytes) -> bytes:
    """A whole answer that ends its connection, as text."""
    body = text.encode()
    headers = [(b"Content-Type", b"text/plain"), (b"Content-Length", b"%d" % len(body))]
    if status == 503:
        headers.append((b"Retry-After", b"2"))
    return head_of(status, headers, date, closes=True) + body


def chunk_of(data: bytes) -> bytes:
    """`data` as a chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)
