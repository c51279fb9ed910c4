"""From bytes to requests: HTTP/1.1 as RFC 9112 frames it, read strictly, and bounded before an application is asked.

llhttp (by httptools) refuses what is ambiguous: numbers that overflow, lists of lengths, a length beside chunks, lines
that end with LF alone, folded lines. What it leaves to its user is refused here. Nobody is answered here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

import httptools

# What one connection may make us hold of a head, or of what frames a body without being data (lines of chunks,
# their extensions, trailers) beyond the data itself.
HEAD_BYTES = 128 * 1024
FRAMING_BYTES = 64 * 1024
# As much is read between two looks at those bounds.
FEED_BYTES = 8 * 1024
# Requests that may begin in one read, one behind the other.
PIPELINED = 64

VERSIONS = {"1.0", "1.1"}
_SINGLE = frozenset({b"host", b"content-type", b"transfer-encoding"})
_SPECIAL = _SINGLE | {b"expect", b"upgrade"}
# As numbers: bytes that are looked for in bytes are first taken for one, which raises and costs ten times as much.
_UNDERSCORE, _PERCENT = b"_%"
# RFC 9112, 3.2.2: `http://` and an authority in front of the path.
_ABSOLUTE = re.compile(rb"[a-z][a-z0-9+.-]*://([^/?]*)", re.IGNORECASE)


class Refused(Exception):
    """A request that is not to be served: the `status` to answer with. The connection cannot be used any further."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Limits:
    """What a head may have; beyond it is answered with 414 or 431."""

    target_bytes: int
    fields: int
    field_bytes: int


@dataclass(slots=True)
class Head:
    """A request without its body, as ASGI names things: names in lower case, `path` decoded."""

    method: str
    http_version: str
    path: str
    raw_path: bytes
    query_string: bytes
    headers: list[tuple[bytes, bytes]]
    keeps_alive: bool
    expects_continue: bool


class Receiver(Protocol):
    """Who is told what was read."""

    def began(self, head: Head) -> None:
        """A request's head is there."""

    def came(self, data: bytes) -> None:
        """A piece of the body of the request that began last."""

    def ended(self) -> None:
        """The request that began last is whole."""


class RequestReader:
    """Reads the requests of one connection. After `Refused`, or a request that does not keep alive, read no more."""

    def __init__(self, receiver: Receiver, limits: Limits) -> None:
        self._receiver: Any = receiver
        self._limits = limits
        # What came of a body in one read, however small its chunks: handed on in one piece.
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._parser: Any = httptools.HttpRequestParser(self)
        # Bytes since the head's beginning, in the body since its beginning and less twice the data.
        self._overhead = 0
        self._began = 0
        # Whether a request has begun and is not whole.
        self.is_amid = False
        self._is_last = False
        self._upgrade_framing: bytes | None = None
        self._begin()

    def feed(self, data: bytes) -> None:
        """Read on. Raises `Refused`."""
        self._began = 0
        if len(data) <= FEED_BYTES:
            self._feed(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), FEED_BYTES):
            self._feed(view[start : start + FEED_BYTES])

    def close(self) -> None:
        """Let go of everything; nothing is read after this."""
        self._parser = self._receiver = None

    def _feed(self, data: bytes | memoryview) -> None:
        if self._is_last and not self._is_in_body:
            return
        self._overhead += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(bytes(data[upgrade.args[0] :]))
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, Refused):
                raise error.__context__ from None
            raise
        except httptools.HttpParserError as error:
            if self._is_last and not self._is_in_body:
                # More than was announced: nobody will read it.
                return
            raise Refused(400, str(error)) from error
        self._hand_on()
        if self._overhead > FRAMING_BYTES:
            if self._is_in_body:
                raise Refused(400, "a body that is mostly framing")
            if self._overhead > HEAD_BYTES:
                raise Refused(431, "too large a head")
        # Many short fields take more room than their bytes.
        if len(self._headers) > self._limits.fields:
            raise Refused(431, "too many header fields")

    def _begin(self) -> None:
        self._is_in_body = False
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._special: dict[bytes, bytes] = {}

    # What httptools calls, in this order.

    def on_message_begin(self) -> None:
        self._began += 1
        if self._began > PIPELINED:
            raise Refused(400, "too many requests at once")
        self.is_amid = True
        self._begin()

    def on_url(self, piece: bytes) -> None:
        self._target += piece
        if len(self._target) > self._limits.target_bytes:
            raise Refused(414, "too long a target")

    def on_header(self, name: bytes, value: bytes) -> None:
        # Called for every field of every request: what can wait is done in one go. Trailers are nobody's concern.
        if not self._is_in_body:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser, special = self._parser, self._take_fields()
        version: str = parser.get_http_version()
        if version not in VERSIONS:
            raise Refused(505, "HTTP/1.1 is spoken here")
        is_newest = version == "1.1"
        if is_newest and b"host" not in special:
            raise Refused(400, "no Host")
        coding = special.get(b"transfer-encoding")
        if coding is not None:
            if coding.lower() != b"chunked":
                raise Refused(501, "a transfer coding that is not known here")
            if not is_newest:
                raise Refused(400, "chunks in HTTP/1.0")
        method: str = parser.get_method().decode()
        if method == "CONNECT":
            raise Refused(405, "no tunnels here")
        if special.get(b"upgrade", b"").lower() == b"websocket" and parser.should_upgrade():
            raise Refused(403, "no WebSockets here")
        self._is_in_body = True
        self._overhead = 0
        self._is_last = not parser.should_keep_alive()
        if parser.should_upgrade():
            self._is_last = True
            self._upgrade_framing = self._framing_of_upgrade(method)
        self._receiver.began(self._head(method, version))

    def _take_fields(self) -> dict[bytes, bytes]:
        """Put the fields into the form that ASGI has; those that concern framing by name."""
        limits, raw = self._limits, self._headers
        if len(raw) > limits.fields or (
            self._overhead > limits.field_bytes
            and max((len(name) + len(value) for name, value in raw), default=0) > limits.field_bytes
        ):
            raise Refused(431, "too many or too long header fields")
        # A name with `_` could pass for another with `-` further on.
        self._headers = [(name.lower(), value.rstrip()) for name, value in raw if _UNDERSCORE not in name]
        self._special = special = {}
        for name, value in self._headers:
            if name in _SPECIAL:
                if name in special and name in _SINGLE:
                    raise Refused(400, f"more than one {name.decode()}")
                special[name] = value
        return special

    def _hand_on(self) -> None:
        pieces = self._pieces
        if pieces:
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            self._overhead -= 2 * len(data)
            self._receiver.came(data)

    def on_message_complete(self) -> None:
        self._hand_on()
        if self._upgrade_framing is not None:
            # httptools takes what follows for another protocol; it is the body.
            return
        self._is_in_body = self.is_amid = False
        self._overhead = 0
        self._receiver.ended()

    def _head(self, method: str, version: str) -> Head:
        raw_path, _, query = self._target.partition(b"#")[0].partition(b"?")
        if raw_path[:1] != b"/" and raw_path != b"*":
            raw_path = self._origin_form(raw_path)
        path = (
            unquote_to_bytes(raw_path).decode("utf-8", "replace") if _PERCENT in raw_path else raw_path.decode("ascii")
        )
        expects = version == "1.1" and self._special.get(b"expect", b"").lower() == b"100-continue"
        return Head(method, version, path, raw_path, query, self._headers, not self._is_last, expects)

    def _origin_form(self, raw_path: bytes) -> bytes:
        """The path of an absolute target, whose authority stands for `Host` (RFC 9112, 3.2.2)."""
        absolute = _ABSOLUTE.match(raw_path)
        if absolute is None or not absolute[1]:
            raise Refused(400, "not a target")
        host = (b"host", absolute[1].rpartition(b"@")[2])
        self._headers = [host, *(pair for pair in self._headers if pair[0] != b"host")]
        return raw_path[absolute.end() :] or b"/"

    # RFC 9110, 7.8: who asks for another protocol is served in this one, once. Clients ask for HTTP/2 so.

    def _framing_of_upgrade(self, method: str) -> bytes:
        framing = [
            b"%s: %s\r\n" % (name, value)
            for name, value in self._headers
            if name in {b"content-length", b"transfer-encoding"}
        ]
        return b"".join([b"%s / HTTP/1.1\r\nConnection: close\r\n" % method.encode(), *framing, b"\r\n"])

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        assert self._upgrade_framing is not None
        framing, self._upgrade_framing = self._upgrade_framing, None
        self._parser = httptools.HttpRequestParser(_BodyAlone(self))
        self._overhead = 0
        self._feed(framing + rest)


class _BodyAlone:
    """What httptools calls for a request whose head is known."""

    def __init__(self, reader: RequestReader) -> None:
        self.on_body = reader.on_body
        self.on_message_complete = reader.on_message_complete
