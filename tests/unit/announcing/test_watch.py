"""Seeing that messages are read: one that reads nothing though the broker answers connects anew, and nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from gateway.announcing.broker_settings import SILENT_SECONDS
from gateway.announcing.message import Message
from gateway.announcing.names import PING
from gateway.announcing.publisher import Publisher
from gateway.clock import FakeClock
from gateway.engines.celery_engine.watch import ConsumerWatch
from tests.services.waiting import until


class Broker:
    """One in memory."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def publish(self, message: Message) -> None:
        self.messages.append(message)

    def waiting(self, _queue: str) -> int:
        return 0

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def watching(
    broker: Broker, fake_clock: FakeClock
) -> Iterator[Callable[[Callable[[], float]], tuple[ConsumerWatch, list[float]]]]:
    publisher = Publisher(lambda: broker, fake_clock, dropped=lambda _reason, _count: None)
    restarted: list[float] = []

    def make(consumed_at: Callable[[], float]) -> tuple[ConsumerWatch, list[float]]:
        until(lambda: publisher.state.is_connected, "connected")

        def restart() -> None:
            restarted.append(fake_clock.monotonic())

        queues = ("deliveries", "jobs.purge")
        return ConsumerWatch(publisher, queues, fake_clock, consumed_at=consumed_at, restart=restart), restarted

    yield make
    publisher.close()


Watching = Callable[[Callable[[], float]], tuple[ConsumerWatch, list[float]]]


def test_each_queue_is_pinged_in_turn(broker: Broker, watching: Watching, fake_clock: FakeClock) -> None:
    watch, _ = watching(fake_clock.monotonic)
    for count in range(1, 4):
        watch.step()
        until(lambda: len(broker.messages) == count, "sent")  # noqa: B023
    assert broker.messages == [Message(queue, PING, {}) for queue in ("deliveries", "jobs.purge", "deliveries")]


def test_one_that_reads_is_left_alone(watching: Watching, fake_clock: FakeClock) -> None:
    watch, restarted = watching(fake_clock.monotonic)
    for _ in range(30):
        fake_clock.advance(5)
        watch.step()
    assert restarted == []


def test_one_that_reads_nothing_connects_anew_and_not_all_the_time(watching: Watching, fake_clock: FakeClock) -> None:
    began = fake_clock.monotonic()
    watch, restarted = watching(lambda: began)
    for _ in range(int(2.5 * SILENT_SECONDS / 5)):
        fake_clock.advance(5)
        watch.step()
    assert [at - began > SILENT_SECONDS for at in restarted] == [True, True]
    assert restarted[1] - restarted[0] > SILENT_SECONDS
