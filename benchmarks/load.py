"""The load generator: keep-alive connections on one epoll loop, in a process of its own (`python -m benchmarks.load`).

A `LoadProfile` comes as JSON on standard input, a `Result` goes as JSON to standard output. Without a rate every
connection sends its next request as soon as it has its answer; with a rate requests are due at fixed instants, and
their latency counts from when they were due, so that a server that stalls cannot hide it.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import cycle

from benchmarks.samples import SECRET, delivery_ids, request_parts, signed_bodies

GRACE_SECONDS = 20.0
READ_BYTES = 65536


@dataclass(frozen=True, slots=True)
class LoadProfile:
    """What to send where. `signed` sends signed events as POST, else a plain GET with `headers` is repeated.

    `expect` must stand in every answer, which must be a 200. `keep_sends` returns when each delivery id was sent.
    """

    port: int
    path: str
    seconds: float
    connections: int = 32
    rate_per_second: float | None = None
    max_requests: int | None = None
    signed: bool = True
    secret: str = SECRET
    expect: str = ""
    keep_sends: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Result:
    """What came of a profile. Latencies in milliseconds; `sends` maps delivery ids to monotonic seconds.

    `cpu_share` is the generator's own use of one core: close to 1 it is the bottleneck, and the figures are its own.
    """

    answered: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    rate: float = 0.0
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    cpu_share: float = 0.0
    sends: dict[str, float] = field(default_factory=dict)


class Connection:
    """One keep-alive connection with at most one request under way."""

    __slots__ = ("_data", "_length", "due_at", "is_open", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due_at = 0.0
        self.is_open = True
        self._data = b""
        self._length = 0

    def close(self) -> None:
        """Give the connection up; the poller forgets it by itself. Idempotent."""
        self.is_open = False
        self.socket.close()

    def read(self) -> bytes | None:
        """The whole answer once it is there, else None. Raises `ConnectionError` when the server hung up."""
        chunk = self.socket.recv(READ_BYTES)
        if not chunk:
            raise ConnectionError("closed by the server")
        self._data += chunk
        if not self._length:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return None
            self._length = end + 4 + content_length(self._data[:end])
        if len(self._data) < self._length:
            return None
        answer, self._data, self._length = self._data, b"", 0
        return answer


def content_length(head: bytes) -> int:
    """The announced length of a body; 0 when there is none."""
    lowered = head.lower()
    start = lowered.find(b"\r\ncontent-length:")
    return 0 if start < 0 else int(lowered[start + 17 :].split(b"\r\n", 1)[0])


class Generator:
    """Carries out one profile, once."""

    def __init__(self, profile: LoadProfile) -> None:
        self._profile = profile
        self._next = self._requests()
        self._latencies = array("d")
        self._failures: Counter[str] = Counter()
        self._sends: dict[str, float] = {}
        self._expected = profile.expect.encode()
        self._left = profile.max_requests if profile.max_requests is not None else sys.maxsize
        self._last_answer_at = 0.0

    def run(self) -> Result:
        """Send until the time or the number of requests is over, then wait for the last answers."""
        poller = select.epoll()
        connections = {}
        for _ in range(self._profile.connections):
            connection = Connection(self._profile.port)
            connections[connection.socket.fileno()] = connection
            poller.register(connection.socket.fileno(), select.EPOLLIN)
        started_at, cpu = time.monotonic(), time.process_time()
        try:
            drive = self._closed_loop if self._profile.rate_per_second is None else self._open_loop
            drive(poller, connections, started_at)
        finally:
            for connection in connections.values():
                connection.close()
            poller.close()
        seconds = max(self._last_answer_at - started_at, 1e-9)
        return self._result(seconds, (time.process_time() - cpu) / (time.monotonic() - started_at))

    def _closed_loop(self, poller: select.epoll, connections: dict[int, Connection], started_at: float) -> None:
        ends_at = started_at + self._profile.seconds
        busy = set()
        for number, connection in connections.items():
            if self._left > 0:
                self._send(connection, time.monotonic())
                busy.add(number)
        while busy and time.monotonic() < ends_at + GRACE_SECONDS:
            for number, _ in poller.poll(1.0):
                connection = connections[number]
                if not self._receive(connection):
                    continue
                now = time.monotonic()
                if now < ends_at and self._left > 0 and connection.is_open:
                    self._send(connection, now)
                else:
                    busy.discard(number)
        self._failures["unanswered"] += len(busy)

    def _open_loop(self, poller: select.epoll, connections: dict[int, Connection], started_at: float) -> None:
        assert self._profile.rate_per_second is not None
        pause = 1.0 / self._profile.rate_per_second
        ends_at = started_at + self._profile.seconds
        idle, due_at = list(connections.values()), started_at
        alive = len(idle)
        while alive and time.monotonic() < ends_at + GRACE_SECONDS:
            now = time.monotonic()
            while due_at <= now and due_at < ends_at and idle and self._left > 0:
                self._send(idle.pop(), due_at)
                due_at += pause
            is_over = due_at >= ends_at or self._left <= 0
            if is_over and len(idle) == alive:
                break
            for number, _ in poller.poll(1.0 if is_over or not idle else max(0.0, due_at - time.monotonic())):
                connection = connections[number]
                if not self._receive(connection):
                    continue
                if connection.is_open:
                    idle.append(connection)
                else:
                    alive -= 1
        self._failures["unanswered"] += alive - len(idle)

    def _send(self, connection: Connection, due_at: float) -> None:
        request, delivery_id = next(self._next)
        if self._profile.keep_sends:
            self._sends[delivery_id] = time.monotonic()
        connection.due_at = due_at
        connection.socket.sendall(request)
        self._left -= 1

    def _receive(self, connection: Connection) -> bool:
        """Whether the connection's request is over, well or badly."""
        try:
            answer = connection.read()
        except OSError as error:
            self._failures[type(error).__name__] += 1
            connection.close()
            return True
        if answer is None:
            return False
        self._last_answer_at = now = time.monotonic()
        if answer.startswith(b"HTTP/1.1 200") and self._expected in answer:
            self._latencies.append(now - connection.due_at)
        else:
            self._failures[answer.split(b"\r\n", 1)[0].decode("latin-1")] += 1
        return True

    def _requests(self) -> Iterator[tuple[bytes, str]]:
        profile = self._profile
        if not profile.signed:
            headers = {"Host": f"127.0.0.1:{profile.port}", **profile.headers}
            lines = [f"GET {profile.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
            request = "\r\n".join([*lines, "", ""]).encode()
            while True:
                yield request, ""
        parts = request_parts(profile.port, profile.path, signed_bodies(profile.secret))
        for (before, after), delivery_id in zip(cycle(parts), delivery_ids(), strict=False):
            yield before + delivery_id.encode() + after, delivery_id

    def _result(self, seconds: float, cpu_share: float) -> Result:
        latencies = sorted(self._latencies)
        return Result(
            answered=len(latencies),
            failures={name: count for name, count in self._failures.items() if count},
            seconds=seconds,
            rate=len(latencies) / seconds,
            p50_ms=percentile(latencies, 50) * 1000,
            p95_ms=percentile(latencies, 95) * 1000,
            p99_ms=percentile(latencies, 99) * 1000,
            max_ms=latencies[-1] * 1000 if latencies else 0.0,
            cpu_share=cpu_share,
            sends=self._sends,
        )


def percentile(ordered: list[float], percent: float) -> float:
    """The value below which `percent` of `ordered` lie (nearest rank); 0 for none."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def main() -> None:
    """Read a profile, carry it out, write the result."""
    result = Generator(LoadProfile(**json.load(sys.stdin))).run()
    json.dump(asdict(result), sys.stdout)


if __name__ == "__main__":
    main()
