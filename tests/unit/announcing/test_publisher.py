"""The thread that tells the broker: it gathers, gives up in time, comes back, and holds up nobody."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from gateway.announcing.faults import BrokerAway
from gateway.announcing.message import Message
from gateway.announcing.names import DELIVERIES, PING
from gateway.announcing.outbox import IDS_IN_MESSAGE, MOST_WAITING
from gateway.announcing.publisher import MOST_IN_QUEUE, Publisher
from gateway.clock import SystemClock
from tests.services.waiting import until


class Broker:
    """One in memory, with what may become of one."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.is_away = False
        self.breaks = False
        self.queued = 0
        self.connections = 0
        self.answers = threading.Event()
        self.answers.set()

    def connect(self) -> Broker:
        self.connections += 1
        self._answer()
        return self

    def publish(self, message: Message) -> None:
        self._answer()
        if self.breaks:
            raise BrokerAway("in the middle of it")
        self.messages.append(message)

    def waiting(self, _queue: str) -> int:
        self._answer()
        return self.queued

    def close(self) -> None:
        """Nothing is held."""

    def ids(self) -> list[str]:
        return [id_ for message in list(self.messages) for id_ in message.arguments.get("ids", ())]

    def _answer(self) -> None:
        self.answers.wait()
        if self.is_away:
            raise BrokerAway("nobody is there")


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def dropped() -> Counter[str]:
    return Counter()


@pytest.fixture
def publisher(broker: Broker, dropped: Counter[str]) -> Iterator[Publisher]:
    def count(reason: str, number: int) -> None:
        dropped[reason] += number

    made = Publisher(broker.connect, SystemClock(), dropped=count, probe_seconds=0.02, first_pause_seconds=0.02)
    yield made
    broker.answers.set()
    made.close()


def test_what_is_announced_arrives(broker: Broker, publisher: Publisher) -> None:
    count = 2 * IDS_IN_MESSAGE + 1
    publisher.deliveries(f"dlv_{number}" for number in range(count))
    publisher.job("purge", "job_1")
    until(lambda: len(broker.ids()) == count and len(broker.messages) == 4, lambda: broker.messages)
    assert publisher.state.is_connected


def test_nothing_starts_before_something_is_asked_for(broker: Broker, publisher: Publisher) -> None:
    publisher.deliveries([])
    assert broker.connections == 0
    until(lambda: publisher.state.is_connected, "asking for its state connects it")


def test_what_comes_while_a_message_is_on_its_way_shares_the_next(broker: Broker, publisher: Publisher) -> None:
    until(lambda: publisher.state.is_connected, "connected")
    broker.answers.clear()
    for number in range(50):
        publisher.deliveries([f"dlv_{number}"])
    broker.answers.set()
    until(lambda: len(broker.ids()) == 50, lambda: broker.messages)
    assert len(broker.messages) <= 2


def test_a_broker_that_hangs_holds_up_nobody_and_takes_no_memory(
    broker: Broker, dropped: Counter[str], publisher: Publisher
) -> None:
    until(lambda: publisher.state.is_connected, "connected")
    broker.answers.clear()
    began = time.monotonic()
    for number in range(2 * MOST_WAITING):
        publisher.deliveries([f"dlv_{number}"])
    assert time.monotonic() - began < 10
    # One message may be on its way.
    assert MOST_WAITING - IDS_IN_MESSAGE <= dropped["full"] <= MOST_WAITING


def test_while_it_is_away_announcements_are_dropped_and_none_is_told_afterwards(
    broker: Broker, dropped: Counter[str], publisher: Publisher
) -> None:
    until(lambda: publisher.state.is_connected, "connected")
    broker.is_away = True
    until(lambda: publisher.state.error, "it is seen to be away")
    assert publisher.state.error == "nobody is there"
    since_us = publisher.state.since_us
    publisher.deliveries(["dlv_1", "dlv_2"])
    assert dropped["away"] == 2
    seen = broker.connections
    until(lambda: broker.connections > seen + 1, "it tries again and again")
    assert publisher.state.since_us == since_us
    broker.is_away = False
    until(lambda: publisher.state.is_connected, "it is back")
    publisher.deliveries(["dlv_3"])
    until(lambda: broker.messages, "it tells again")
    assert broker.ids() == ["dlv_3"]


def test_what_was_in_hand_when_the_connection_broke_is_counted(
    broker: Broker, dropped: Counter[str], publisher: Publisher
) -> None:
    broker.breaks = True
    until(lambda: publisher.state.is_connected, "connected")
    publisher.deliveries(["dlv_1", "dlv_2"])
    until(lambda: dropped["away"], "it broke")
    assert dropped["away"] == 2


def test_a_queue_that_nobody_reads_gets_no_more(broker: Broker, dropped: Counter[str], publisher: Publisher) -> None:
    broker.queued = MOST_IN_QUEUE
    publisher.deliveries(["dlv_0"])

    def is_dropped() -> bool:
        publisher.deliveries(["dlv_1"])
        return dropped["crowded"] > 0

    until(is_dropped, "crowded")
    broker.queued = 0

    def is_told() -> bool:
        publisher.deliveries(["dlv_2"])
        return "dlv_2" in broker.ids()

    until(is_told, "told again")


def test_a_ping_goes_where_it_is_sent(broker: Broker, publisher: Publisher) -> None:
    publisher.ping(DELIVERIES)
    until(lambda: broker.messages, "it arrives")
    assert broker.messages == [Message(DELIVERIES, PING, {})]


def test_at_the_end_what_waits_is_still_told(broker: Broker, publisher: Publisher) -> None:
    publisher.deliveries(["dlv_1"])
    publisher.close()
    assert broker.ids() == ["dlv_1"]
    assert broker.connections == 1
    publisher.deliveries(["dlv_2"])
    publisher.close()


def test_the_end_does_not_wait_for_a_broker_that_is_away(broker: Broker, publisher: Publisher) -> None:
    broker.is_away = True
    publisher.deliveries(["dlv_1"])
    began = time.monotonic()
    publisher.close()
    assert time.monotonic() - began < 5
