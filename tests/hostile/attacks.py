"""What a stranger may send, byte by byte: each attack with what it may cost the gateway.

An attack sends to `port` until it has sent everything or the gateway has closed, and returns the statuses that it
heard. What is drawn at random comes from `random`, so that a seed repeats it.
"""

from __future__ import annotations

import re
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from random import Random

from tests.services.framing_cases import CHUNKED, GET, POST, REFUSED

MEGABYTE = 1 << 20
# For a whole attack: what hangs for longer is a fault.
SECONDS = 30.0
# No answer, but the end of the connection.
CLOSED = 0

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_PATHS = (b"/webhooks/github", b"/webhooks/nobody", b"/healthz", b"/nothing")
_SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: gateway\r\n\r\n"
_LAST = b"GET /healthz HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n"

Run = Callable[[int, Random], Sequence[int]]


@dataclass(frozen=True)
class Attack:
    """`statuses` are those that may be heard. `cpu_seconds` and `megabytes` are what the web process may spend on it
    and grow by meanwhile, with room for a busy machine.
    """

    run: Run
    statuses: frozenset[int]
    cpu_seconds: float = 2.0
    megabytes: float = 24.0


def sent(port: int, streams: Sequence[bytes], *, patience_seconds: float = SECONDS) -> list[list[int]]:
    """What is heard on as many connections at once, each of which sends its stream and then waits for the end."""
    selector = selectors.DefaultSelector()
    left, heard = {}, {}
    for stream in streams:
        connection = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
        left[connection], heard[connection] = memoryview(stream), bytearray()
    ends_at = time.monotonic() + patience_seconds
    while selector.get_map() and time.monotonic() < ends_at:
        for key, events in selector.select(0.5):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            try:
                if events & selectors.EVENT_READ:
                    data = connection.recv(65_536)
                    heard[connection] += data
                    if not data:
                        raise ConnectionResetError
                if events & selectors.EVENT_WRITE:
                    left[connection] = left[connection][connection.send(left[connection][:65_536]) :]
                    if not left[connection]:
                        selector.modify(connection, selectors.EVENT_READ)
            except BlockingIOError:
                pass
            except OSError:
                selector.unregister(connection)
    for connection in heard:
        connection.close()
    selector.close()
    return [[int(status) for status in _STATUS.findall(bytes(answers))] for answers in heard.values()]


def statuses(port: int, streams: Iterable[bytes], **options: float) -> list[int]:
    """The same, all together; a connection without an answer counts as `CLOSED`."""
    return [status for found in sent(port, list(streams), **options) for status in found or [CLOSED]]


def framing(port: int, random: Random) -> Sequence[int]:
    """Requests that are framed as no request is, and behind each one that must not be served."""
    found = sent(port, [data + _SMUGGLED for data, _ in REFUSED.values()])
    expected = {name: [status] for name, (_, status) in REFUSED.items()}
    assert dict(zip(REFUSED, found, strict=True)) == expected
    return [400]


def mutated_framing(port: int, random: Random) -> Sequence[int]:
    """Requests with bytes that were changed, left out or put in twice; whatever it is, it is answered or closed."""
    streams = []
    for _ in range(60):
        data = bytearray(random.choice([one for one, _ in REFUSED.values()] + [CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"]))
        for _ in range(random.randint(1, 4)):
            at = random.randrange(len(data))
            match random.randrange(3):
                case 0:
                    data[at] = random.choice(b"\r\n\x00 ;:,0123456789abcdef\xff")
                case 1:
                    del data[at : at + random.randint(1, 8)]
                case 2:
                    data[at:at] = data[at : at + random.randint(1, 32)] * random.randint(1, 64)
        # Bytes that end whatever was begun.
        streams.append(bytes(data) + b"\r\n\r\n0\r\n\r\n" + b"TRASH\r\n\r\n" * 2)
    return statuses(port, streams, patience_seconds=2.0)


def chunks_of(size: int, megabytes: float) -> Run:
    """A body in chunks of so many bytes, to a path of any kind."""

    def run(port: int, random: Random) -> Sequence[int]:
        chunk = b"%x\r\n%s\r\n" % (size, b"x" * size)
        stream = chunk * int(megabytes * MEGABYTE / len(chunk)) + b"0\r\n\r\n" + _LAST
        return statuses(port, [CHUNKED.replace(b"/", path, 1) + stream for path in _PATHS])

    return run


def extensions(port: int, random: Random) -> Sequence[int]:
    """Chunks whose extensions, or a trailer, outweigh them."""
    extension = b"1;" + b"a" * 60_000 + b"\r\nx\r\n"
    trailer = b"0\r\n" + b"Trailer: x\r\n" * 100_000
    return statuses(port, [CHUNKED + extension * 20, CHUNKED + trailer, CHUNKED + b"1;" + b"a" * MEGABYTE])


def heads(port: int, random: Random) -> Sequence[int]:
    """Sixty heads without end, of long fields and of many."""
    long = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1000) for number in range(6_800))
    many = b"a:\r\n" * 500_000
    return statuses(port, [GET + random.choice([long, many]) for _ in range(60)])


def heads_that_wait(port: int, random: Random) -> Sequence[int]:
    """Five hundred heads that never end, each within its bound."""
    field = b"X: " + b"a" * random.randint(30_000, 60_000) + b"\r\n"
    return statuses(port, [GET + field * 2] * 500, patience_seconds=1.5)


def bodies_that_wait(port: int, random: Random) -> Sequence[int]:
    """More bodies than the budget has room for, none of which ends."""
    head = POST.replace(b"/", b"/webhooks/github", 1) + b"Content-Length: 1900000\r\n\r\n"
    return statuses(port, [head + b"x" * 1_800_000] * 60, patience_seconds=1.5)


def whole_bodies(port: int, random: Random) -> Sequence[int]:
    """Large bodies for nobody, one behind the other and on many connections."""
    path = random.choice([b"/webhooks/nobody", b"/nothing"])
    request = POST.replace(b"/", path, 1) + b"Content-Length: 1900000\r\n\r\n" + b"x" * 1_900_000
    return statuses(port, [request * 3 + _LAST] * 10)


def pieces(port: int, random: Random) -> Sequence[int]:
    """A body byte by byte, and a head too, beside others that say nothing."""
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=SECONDS)) for _ in range(40)
        ]
        slow, head = connections[:2]
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        slow.sendall(POST.replace(b"/", b"/webhooks/github", 1) + b"Content-Length: 2000\r\n\r\n")
        for byte in GET[:40]:
            head.send(bytes([byte]))
        for _ in range(2000):
            slow.send(b"x")
        return [int(slow.recv(4096).split()[1])]


def broken_off(port: int, random: Random) -> Sequence[int]:
    """Clients that leave, politely or not, at any point of a request."""
    request = POST.replace(b"/", random.choice(_PATHS), 1) + b"Content-Length: 20000\r\n\r\n" + b"x" * 20_000
    found = []
    for number in range(60):
        data = request[: random.randrange(len(request))]
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client, suppress(ConnectionError):
            client.sendall(data)
            if number % 2:
                # Reset instead of an orderly end.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                client.shutdown(socket.SHUT_WR)
                answer = _STATUS.match(client.recv(4096))
                found.append(int(answer[1]) if answer else CLOSED)
    return found


def pipelined(port: int, random: Random) -> Sequence[int]:
    """Many requests in one go, more than are taken at once, and by somebody who hears none of the answers."""
    page = GET.replace(b"/", b"/healthz", 1) + b"\r\n"
    full = GET.replace(b"/", b"/webhooks/nobody", 1) + b"X: a\r\n" * 98 + b"\r\n"
    found = statuses(port, [page * 60 + _LAST, page * 3_000, full * 60 + _LAST])
    with socket.create_connection(("127.0.0.1", port), timeout=1.0) as deaf, suppress(OSError):
        deaf.sendall(full * 3_000)
    return found


def many_connections(port: int, random: Random) -> Sequence[int]:
    """Connections that say nothing, many at once."""
    with ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=SECONDS))
        return statuses(port, [_LAST])


ATTACKS = {
    "framing": Attack(framing, frozenset({400})),
    "mutated framing": Attack(
        mutated_framing, frozenset({CLOSED, 200, 400, 401, 403, 404, 405, 408, 413, 414, 431, 501, 505})
    ),
    # A parser that is quadratic in what it is fed took 5 s for the first megabyte.
    "chunks of 1 byte": Attack(chunks_of(1, 2), frozenset({CLOSED, 400, 404, 405})),
    "chunks of 5 bytes": Attack(chunks_of(5, 2), frozenset({CLOSED, 200, 401, 404, 405, 413, 429})),
    "chunks of 1 000 bytes": Attack(chunks_of(1000, 2), frozenset({CLOSED, 200, 401, 404, 405, 413, 429})),
    "extensions and trailers": Attack(extensions, frozenset({CLOSED, 400, 404, 405, 431})),
    "heads without end": Attack(heads, frozenset({CLOSED, 431})),
    "heads that wait": Attack(heads_that_wait, frozenset({CLOSED, 431, 503}), megabytes=48.0),
    "bodies that wait": Attack(bodies_that_wait, frozenset({CLOSED, 503}), megabytes=48.0),
    "whole bodies": Attack(whole_bodies, frozenset({CLOSED, 200, 404, 405, 503}), megabytes=48.0),
    "byte by byte": Attack(pieces, frozenset({401, 429})),
    "broken off": Attack(broken_off, frozenset({CLOSED, 400, 401, 404, 405, 429})),
    "pipelined": Attack(pipelined, frozenset({CLOSED, 200, 400, 404, 429})),
    "many connections": Attack(many_connections, frozenset({200})),
}
