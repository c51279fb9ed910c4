"""GitHub, as a sender of webhooks: signs, posts, and sends again what was not acknowledged, under the same id."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.services.waiting import until

SECRET = "It's a Secret to Everybody"
SOURCE = {"slug": "github", "provider": "github", "secret": SECRET}
ANSWER_SECONDS = 40.0
PAUSE_SECONDS = 0.05


def signed(body: bytes, delivery: str, *, event: str = "push", secret: str = SECRET) -> dict[str, str]:
    """The headers of an event (https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers)."""
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
    }


class GithubSender:
    """Threads that send until told to stop, each one event after the other, with a `key` of its own, and
    with a pause of `pause_seconds` after each. One event of `doubled_every` is sent over two connections at once. They
    are numbered from `first`.

    `answers` counts statuses, 0 for a connection that broke.

    `acknowledged` maps the delivery ids that were answered 200 to the event ids of the answers; `sent` are all the
    delivery ids that were tried. An id is tried until it is acknowledged, as long as the sender runs. `contradicted`
    are those that were acknowledged again, under another event id.
    """

    def __init__(
        self,
        port: int,
        *,
        path: str = "/webhooks/github",
        threads: int = 8,
        body_bytes: int = 500,
        pause_seconds: float = 0.0,
        doubled_every: int | None = None,
        first: int = 0,
    ) -> None:
        self._port = port
        self._pause_seconds = pause_seconds
        self._doubled_every = doubled_every
        self._path = path
        self._padding = "x" * body_bytes
        self._numbers = itertools.count(first)
        self._first = first
        self._stopping = threading.Event()
        self._may_send = threading.Event()
        self._may_send.set()
        self._counting = threading.Lock()
        self._threads = [threading.Thread(target=self._send_all, args=(key,), daemon=True) for key in range(threads)]
        self._limit: int | None = None
        self.sent: set[str] = set()
        self.acknowledged: dict[str, str] = {}
        self.contradicted: set[str] = set()
        self.answers: Counter[int] = Counter()
        self.retry_afters: list[str | None] = []

    @contextmanager
    def sending(self, count: int | None = None) -> Iterator[GithubSender]:
        """Send inside the block, `count` events or without end; leaving it waits for the answers under way."""
        self._limit = count
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            self.join()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Begin no event inside the block."""
        self._may_send.clear()
        try:
            yield
        finally:
            self._may_send.set()

    def join(self) -> None:
        """Wait for the threads, which end when they are told to or have sent everything."""
        for thread in self._threads:
            thread.join(2 * ANSWER_SECONDS)
            assert not thread.is_alive()

    def wait_for(self, acknowledged: int) -> None:
        """Wait until so many more events were acknowledged."""
        wanted = len(self.acknowledged) + acknowledged
        until(lambda: len(self.acknowledged) >= wanted, lambda: f"{wanted} acknowledged: {self.answers}")

    def wait_for_answer(self, status: int, times: int = 1) -> None:
        """Wait until so many more answers had `status`."""
        wanted = self.answers[status] + times
        until(lambda: self.answers[status] >= wanted, lambda: f"{wanted} times {status}: {self.answers}")

    def _send_all(self, key: int) -> None:
        connections = [http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS) for _ in range(2)]
        for number in self._numbers:
            self._may_send.wait()
            if self._stopping.is_set() or (self._limit is not None and number >= self._first + self._limit):
                break
            delivery = f"d-{self._port}-{number}"
            body = json.dumps({"number": number, "key": key, "padding": self._padding}).encode()
            is_doubled = self._doubled_every is not None and number % self._doubled_every == 0
            self.sent.add(delivery)
            while not self._send(connections[: 1 + is_doubled], delivery, body) and not self._stopping.is_set():
                self._stopping.wait(PAUSE_SECONDS)
            if self._pause_seconds:
                self._stopping.wait(self._pause_seconds)
        for connection in connections:
            connection.close()

    def _send(self, connections: Sequence[http.client.HTTPConnection], delivery: str, body: bytes) -> bool:
        """Whether it was acknowledged, by one of the answers at least."""
        under_way = [connection for connection in connections if self._post(connection, delivery, body)]
        # Each answer is read, also when the first one is enough.
        answers = [self._is_acknowledged(connection, delivery) for connection in under_way]
        return any(answers)

    def _post(self, connection: http.client.HTTPConnection, delivery: str, body: bytes) -> bool:
        try:
            connection.request("POST", self._path, body, signed(body, delivery))
        except (OSError, http.client.HTTPException):
            self._broke(connection)
            return False
        return True

    def _is_acknowledged(self, connection: http.client.HTTPConnection, delivery: str) -> bool:
        try:
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            self._broke(connection)
            return False
        with self._counting:
            self.answers[response.status] += 1
            if response.status == 503:
                self.retry_afters.append(response.headers.get("Retry-After"))
            if response.status == 200:
                told = json.loads(answer)["event_id"]
                if self.acknowledged.setdefault(delivery, told) != told:
                    self.contradicted.add(delivery)
        return response.status == 200

    def _broke(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        with self._counting:
            self.answers[0] += 1
