"""The thread that tells the broker: nobody waits for it, and nothing that happens to the broker reaches who announces.

    announced ─▶ outbox (bounded, each id once) ─▶ link (confirmed, with time limits) ─▶ broker

While the broker is away, or its queue is so long that nobody can be reading it, announcements are dropped and counted:
workers find what is due by themselves, and nothing is told afterwards that was found meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from gateway.announcing.message import Message, ping_message
from gateway.announcing.names import DELIVERIES, PING
from gateway.announcing.outbox import Outbox
from gateway.clock import Clock
from gateway.deferred import deferred

# Kombu, with the driver of the broker: for processes that have one, and only when they announce something.
_link = deferred("gateway.announcing.link")
# Every command comes by here, and hardly one has a broker to tell of.
_logging = deferred("gateway.telemetry.logging")

PROBE_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 15.0
# How long the last messages have at the end of the process.
LAST_SECONDS = 3.0
# Messages cost their reader the more the fewer ids they carry; a lone one goes at once.
REST_SECONDS_BY_ID = 0.0005
LONGEST_REST_SECONDS = 0.05
# Messages in the queue of deliveries beyond which it gets no more.
MOST_IN_QUEUE = 1_000


class Connected(Protocol):
    """A connection to the broker; see `gateway.announcing.link.Link`."""

    def publish(self, message: Message) -> None:
        """Hand `message` over. Raises when it is not certain that the broker has it."""

    def waiting(self, queue: str) -> int:
        """How many messages wait in `queue`. Raises when the broker does not say."""

    def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True, slots=True)
class BrokerState:
    """How the broker was when it was last heard of, and since when. `error` says why it is away; it holds no secret."""

    is_connected: bool
    since_us: int
    error: str | None = None


class Publisher:
    """An `Announcer`. Its thread starts with the first thing that is asked of it. Safe to share.

    `dropped` counts, by reason: `away`, `full` (of what waits here), `crowded` (the queue at the broker).
    """

    def __init__(
        self,
        connect: Callable[[], Connected],
        clock: Clock,
        *,
        dropped: Callable[[str, int], None],
        probe_seconds: float = PROBE_SECONDS,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._dropped = dropped
        self._probe_seconds = probe_seconds
        self._first_pause_seconds = first_pause_seconds
        self._outbox = Outbox()
        self._pings: list[str] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_resting = False
        self._give_up_at: float | None = None
        self._state = BrokerState(is_connected=False, since_us=clock.now_us())
        # What is announced now is dropped for this reason.
        self._closed_for: str | None = None

    def deliveries(self, ids: Iterable[str]) -> None:
        """As `Announcer`."""
        wanted = list(ids)
        if wanted:
            self._add(len(wanted), lambda outbox: outbox.add_deliveries(wanted))

    def job(self, kind: str, job_id: str) -> None:
        """As `Announcer`."""
        self._add(1, lambda outbox: outbox.add_job(kind, job_id))

    def ping(self, queue: str) -> None:
        """Send something to whoever consumes `queue`."""
        with self._changed:
            if queue not in self._pings:
                self._pings.append(queue)
            self._start()
            self._changed.notify()

    @property
    def state(self) -> BrokerState:
        """How the broker is, as far as this process knows; the first question starts looking."""
        with self._changed:
            self._start()
        return self._state

    def close(self) -> None:
        """Publish what waits, for a moment; end the thread. Idempotent."""
        with self._changed:
            if self._give_up_at is None:
                self._give_up_at = self._clock.monotonic() + LAST_SECONDS
            thread = self._thread
            self._changed.notify()
        if thread is not None:
            thread.join(LAST_SECONDS + 1)

    def _add(self, count: int, add: Callable[[Outbox], int]) -> None:
        with self._changed:
            reason, refused = self._closed_for, count
            if reason is None and self._start():
                reason, refused = "full", add(self._outbox)
                # Woken from a rest for each commit, the thread would only take time from who commits.
                if not self._is_resting:
                    self._changed.notify()
        if refused:
            self._dropped(reason or "away", refused)

    def _start(self) -> bool:
        """Whether the thread runs; starts it."""
        if self._thread is None and self._give_up_at is None:
            thread = threading.Thread(target=self._run, name="announcing", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # The system gives no more threads, or the interpreter ends.
                return False
            self._thread = thread
        return self._thread is not None

    def _run(self) -> None:
        pause_seconds = self._first_pause_seconds
        while not self._is_over():
            link: Connected | None = None
            try:
                link = self._connect()
                self._is_back()
                pause_seconds = self._first_pause_seconds
                self._serve(link)
                return
            except Exception as error:
                # Whatever it is, another connection may be better; without a thread there would be none.
                self._is_away(str(error) or type(error).__name__)
            finally:
                if link is not None:
                    link.close()
            self._wait(pause_seconds, lambda: self._give_up_at is not None)
            pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)

    def _serve(self, link: Connected) -> None:
        """Publish what comes until the end. Raises when the link is no good any more."""
        probe_at = self._clock.monotonic()
        while True:
            if self._clock.monotonic() >= probe_at:
                self._look_at_queue(link)
                probe_at = self._clock.monotonic() + self._probe_seconds
            message = self._next()
            if message is None:
                if self._give_up_at is not None:
                    return
                self._wait(probe_at - self._clock.monotonic(), self._is_wanted)
                continue
            try:
                link.publish(message)
            except Exception:
                self._dropped("away", len(message.arguments.get("ids", ())) or int(message.task != PING))
                raise
            if self._is_over():
                return
            self._rest(min(len(message.arguments.get("ids", ())) * REST_SECONDS_BY_ID, LONGEST_REST_SECONDS))

    def _next(self) -> Message | None:
        with self._changed:
            return ping_message(self._pings.pop()) if self._pings else self._outbox.take()

    def _is_wanted(self) -> bool:
        return bool(self._pings or len(self._outbox) or self._give_up_at is not None)

    def _is_over(self) -> bool:
        return self._give_up_at is not None and (
            self._clock.monotonic() >= self._give_up_at or (not self._state.is_connected and not len(self._outbox))
        )

    def _wait(self, seconds: float, condition: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(condition, max(0.0, seconds))

    def _rest(self, seconds: float) -> None:
        """Let more come together, unless this is the end."""
        with self._changed:
            self._is_resting = True
            self._changed.wait_for(lambda: self._give_up_at is not None, seconds)
            self._is_resting = False

    def _look_at_queue(self, link: Connected) -> None:
        """Nobody is helped by announcements that nobody reads."""
        is_crowded = link.waiting(DELIVERIES) >= MOST_IN_QUEUE
        if is_crowded != (self._closed_for == "crowded"):
            self._close_for("crowded" if is_crowded else None)
            if is_crowded:
                _logging.get_logger(__name__).warning(
                    "the broker's queue is not read; nothing more is announced until it is", queue=DELIVERIES
                )

    def _is_back(self) -> None:
        if self._state.error is not None:
            _logging.get_logger(__name__).info("the broker is back; announcing again")
        # Who sees it connected is announced for.
        self._close_for(None)
        self._state = BrokerState(is_connected=True, since_us=self._clock.now_us())

    def _is_away(self, error: str) -> None:
        self._close_for("away")
        if self._state.error is None:
            _logging.get_logger(__name__).warning(
                "the broker is away; workers look for work by themselves until it is back", error=error
            )
            self._state = BrokerState(is_connected=False, since_us=self._clock.now_us(), error=error)
        else:
            self._state = BrokerState(is_connected=False, since_us=self._state.since_us, error=error)

    def _close_for(self, reason: str | None) -> None:
        """Drop what waits and what comes, for `reason`; None: take what comes."""
        with self._changed:
            self._closed_for = reason
            if reason is None:
                return
            self._pings.clear()
            forgotten = self._outbox.clear()
        if forgotten:
            self._dropped(reason, forgotten)


def broker_publisher(broker_url: str, clock: Clock, *, origin: str, dropped: Callable[[str, int], None]) -> Publisher:
    """One for the broker at `broker_url`; `origin` names this process in its messages."""
    return Publisher(lambda: _link.Link(broker_url, origin=origin), clock, dropped=dropped)


def look_at_queue(broker_url: str) -> int:
    """How many messages wait for workers that deliver. Raises `BrokerAway`."""
    link = _link.Link(broker_url, origin="doctor")
    try:
        return int(link.waiting(DELIVERIES))
    finally:
        link.close()
