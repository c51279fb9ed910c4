"""Seeing that the consumer consumes: workers that go on living after a reconnect and read nothing are a known family.

Every few seconds something is sent into one of the queues that this worker reads. Whoever reads it, all of them get
some; so one that read nothing for long, while the broker takes what is sent, is deaf, and its connection is cut:
Celery makes a new one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from celery.utils.threads import _open_broker_sockets

from gateway.announcing.broker_settings import SILENT_SECONDS
from gateway.announcing.publisher import Publisher
from gateway.clock import MICROSECONDS, Clock
from gateway.telemetry.logging import get_logger

_log = get_logger(__name__)


class ConsumerWatch:
    """For one thread, which calls `step` every few seconds. `consumed_at` is when a message was read last, on the
    steady clock; `restart` makes the consumer connect anew.
    """

    def __init__(
        self,
        publisher: Publisher,
        queues: Sequence[str],
        clock: Clock,
        *,
        consumed_at: Callable[[], float],
        restart: Callable[[], None],
    ) -> None:
        self._publisher = publisher
        self._queues = queues
        self._clock = clock
        self._consumed_at = consumed_at
        self._restart = restart
        self._restarted_at = clock.monotonic()
        self._turn = 0

    def step(self) -> bool:
        """Send a ping, and look what became of the earlier ones. There is never more to do at once."""
        broker = self._publisher.state
        self._publisher.ping(self._queues[self._turn % len(self._queues)])
        self._turn += 1
        now = self._clock.monotonic()
        answers_for = (self._clock.now_us() - broker.since_us) / MICROSECONDS if broker.is_connected else 0.0
        silent_for = now - max(self._consumed_at(), self._restarted_at)
        if min(answers_for, silent_for) > SILENT_SECONDS:
            _log.warning("no message was read for long though the broker answers; connecting anew", seconds=silent_for)
            self._restarted_at = now
            self._restart()
        return False


def cut(connection: Any) -> None:
    """End the sockets of a consumer's connection under it, which is all that another thread may do to them."""
    if connection is None:
        return
    for one in list(_open_broker_sockets(connection)):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
