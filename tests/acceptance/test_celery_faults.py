"""What a gateway with Celery's workers goes through: no database while messages come, a broker that takes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import psutil
import pytest

from gateway.config import load_settings
from gateway.db.schema.upgrade import upgrade
from gateway.installation import Installation as Ours
from gateway.security.identifiers import new_id
from tests.services.brokers import BrokerMissing, PrivateRabbitmq
from tests.services.gateway_process import Installation, Program
from tests.services.github_sender import SOURCE, GithubSender
from tests.services.postgres import PostgresMissing, PrivatePostgres
from tests.services.sink_thread import SinkThread, sink_thread
from tests.services.tables import Tables, tables_of
from tests.services.waiting import until

pytestmark = pytest.mark.faults

EVENTS = 150
MESSAGES = 100
IDS = 50
PAUSE_SECONDS = 0.05
SWEEP_SECONDS = 2


@dataclass
class Field:
    """A gateway on a database and a broker of its own, and the destination of all that it gets."""

    gateway: Installation
    database: PrivatePostgres
    broker: PrivateRabbitmq
    sink: SinkThread
    tables: Tables
    sent: int = 0

    @contextmanager
    def working(self) -> Iterator[Program]:
        """A worker, which ends in order."""
        worker = self.gateway.start("worker")
        worker.wait_for_log("worker started")
        yield worker
        worker.terminate()
        assert worker.wait() == 0

    def send(self) -> None:
        """Some events, all of which are acknowledged."""
        sender = GithubSender(self.gateway.port, first=self.sent)
        with sender.sending(EVENTS):
            sender.join()
        assert len(sender.acknowledged) == EVENTS, sender.answers
        self.sent += EVENTS

    def require_all_delivered(self) -> None:
        """Wait until everything was delivered, once."""
        self.tables.wait_until_all_are("delivered")
        assert self.tables.states() == {"delivered": self.sent}
        assert len(self.sink.at()) == self.sent


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with ExitStack() as stack:
        try:
            database = PrivatePostgres()
            stack.callback(database.remove)
            broker = PrivateRabbitmq()
            stack.callback(broker.remove)
        except (PostgresMissing, BrokerMissing) as reason:
            pytest.skip(str(reason))
        upgrade(database.url)
        variables = {
            "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "true",
            "GATEWAY_BROKER_URL": broker.url,
            "GATEWAY_SWEEP_SECONDS": str(SWEEP_SECONDS),
        }
        folder = tmp_path_factory.mktemp("field") / "gateway"
        gateway = stack.enter_context(Installation(folder, database.url, **variables))
        sink = stack.enter_context(sink_thread())
        gateway.apply(
            sources=[SOURCE],
            destinations=[{"name": "app", "url": sink.url()}],
            routes=[{"source": "github", "to": "app"}],
        )
        gateway.web("--workers", "1")
        yield Field(gateway, database, broker, sink, stack.enter_context(tables_of(database.url)))


def test_messages_that_come_while_the_database_is_away_are_taken_at_leisure(field: Field) -> None:
    with field.working() as worker:
        field.send()
        field.require_all_delivered()

        field.database.stop()
        worker.wait_for_log("the queue cannot be reached")
        process, pause = psutil.Process(worker.pid), threading.Event()
        before = sum(process.cpu_times()[:2])
        with closing(Ours(load_settings(field.gateway.environment))) as ours:
            for _ in range(MESSAGES):
                ours.announcements.deliveries([new_id("dlv") for _ in range(IDS)])
                pause.wait(PAUSE_SECONDS)
        assert sum(process.cpu_times()[:2]) - before < MESSAGES * PAUSE_SECONDS / 2
        field.database.start()

        field.send()
        field.require_all_delivered()


def test_a_broker_out_of_memory_holds_up_nobody(field: Field) -> None:
    # From here on it reads nothing of who publishes.
    field.broker.control("set_vm_memory_high_watermark", "0")
    until(lambda: "memory" in field.broker.control("eval", "rabbit_alarm:get_alarms()."), "the alarm")
    with field.working():
        began = time.monotonic()
        field.send()
        # A request that waited for the broker would have waited for seconds.
        assert time.monotonic() - began < EVENTS / 2
        field.require_all_delivered()

        field.broker.control("set_vm_memory_high_watermark", "0.4")
        field.send()
        field.require_all_delivered()
