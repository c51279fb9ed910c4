"""Three machines that share a database, perhaps a broker, and nothing else: no disk, no memory, no host name."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from gateway.db.database import Database
from gateway.db.schema.upgrade import upgrade
from gateway.security.sealing import generate_key
from tests.services.brokers import BrokerMissing, PrivateRabbitmq
from tests.services.gateway_process import Installation, Program
from tests.services.github_sender import SOURCE, GithubSender
from tests.services.machines import NETWORK, Machine, NoMachines, machines
from tests.services.postgres import PostgresMissing, PrivatePostgres
from tests.services.sink_thread import SinkThread, sink_thread
from tests.services.tables import Tables, tables_of
from tests.services.waiting import until

pytestmark = pytest.mark.faults

EVENTS = 200
WORKERS = ("worker-1", "worker-2")
SWEEP_SECONDS = 10
# Far from what a sweep needs in the mean, several times in a row.
PROMPT_SECONDS = 2.0
PROMPT_TIMES = 4


@dataclass
class Fleet:
    """The machines, and what is installed on those that run a gateway."""

    machines: dict[str, Machine]
    installed: dict[str, Installation]
    sink: SinkThread
    tables: Tables
    sent: int = 0

    def start_worker(self, name: str) -> Program:
        worker = self.installed[name].start("worker", before=self.machines[name].enter)
        worker.wait_for_log("worker started")
        return worker

    def send(self, count: int) -> None:
        """So many events of a vendor, who reaches the web machine through a proxy there."""
        sender = GithubSender(self.installed["web"].port, first=self.sent)
        self.sent += count
        with self.machines["web"].entered(), sender.sending(count):
            sender.join()
        assert len(sender.acknowledged) == count, sender.answers

    def is_prompt(self) -> bool:
        """Whether single events arrive long before a worker would look by itself."""
        for _ in range(PROMPT_TIMES):
            came = len(self.sink.at())
            self.send(1)
            began = time.monotonic()
            self.sink.wait_for(came + 1)
            if time.monotonic() - began > PROMPT_SECONDS:
                return False
        return True

    @contextmanager
    def amid_a_claim(self, name: str) -> Iterator[None]:
        """Inside the block a transaction of this machine is open, and holds a delivery that has come due."""
        with self.machines[name].entered():
            database = Database.open(self.installed[name].environment["GATEWAY_DATABASE_URL"])
            # Detached: it is not given back, but closed as it is, cut off or not.
            lent = database.engine.raw_connection()
            held: Any = lent.driver_connection
            lent.detach()
        with closing(held):
            # A lock that a claim passes over, and the update that makes it due does not.
            held.execute("SELECT id FROM deliveries ORDER BY id LIMIT 1 FOR KEY SHARE")
            due = "UPDATE deliveries SET state = 'pending' WHERE id = (SELECT min(id) FROM deliveries) RETURNING state"
            assert self.tables.rows(due) == [("pending",)]
            yield

    def send_until_by(self, names: Collection[str]) -> None:
        """Send, until each of these machines has delivered some of it."""
        seen = len(self.sink.at())

        def have_all_delivered() -> bool:
            self.send(EVENTS // 10)
            addresses = {one.peer[0] for one in self.sink.at()[seen:]}
            return addresses >= {self.machines[name].address for name in names}

        until(have_all_delivered, f"deliveries by {names}", timeout_seconds=120, every_seconds=0.3)


@pytest.fixture
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """Machines with one of the engines, `embedded` or `celery`; no worker runs yet."""
    with ExitStack() as stack:
        variables = {"GATEWAY_ENCRYPTION_KEYS": generate_key(), "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "true"}
        try:
            # Not in memory, where the tests' folders may be: each machine has a memory of its own.
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="machines-", dir="/var/tmp")))
            found = stack.enter_context(machines(folder, "database", "broker", "world", "web", *WORKERS))
            with found["database"].entered():
                server = PrivatePostgres(NETWORK)
                stack.callback(server.remove)
            if request.param == "celery":
                with found["broker"].entered():
                    broker = PrivateRabbitmq(for_network=True)
                    stack.callback(broker.remove)
                address = found["broker"].address
                variables["GATEWAY_BROKER_URL"] = broker.url.replace("127.0.0.1", address)
                variables["GATEWAY_SWEEP_SECONDS"] = str(SWEEP_SECONDS)
        except (NoMachines, PostgresMissing, BrokerMissing) as reason:
            pytest.skip(str(reason))
        url = server.url.replace("127.0.0.1", found["database"].address)
        with found["database"].entered():
            upgrade(url)
            tables = stack.enter_context(tables_of(server.url))
        with found["world"].entered():
            sink = stack.enter_context(sink_thread(found["world"].address))
        installed = {
            name: stack.enter_context(Installation(found[name].folder / "gateway", url, **variables))
            for name in ("web", *WORKERS)
        }
        with found["web"].entered():
            installed["web"].apply(
                sources=[SOURCE],
                destinations=[{"name": "app", "url": sink.url(), "timeout": 2}],
                routes=[{"source": "github", "to": "app"}],
            )
            installed["web"].web(before=found["web"].enter)
        # From where the tables can be read.
        with found["database"].entered():
            yield Fleet(found, installed, sink, tables)


@pytest.mark.parametrize("fleet", ["celery"], indirect=True)
def test_a_machine_that_the_broker_cannot_be_reached_from_delivers_and_hears_of_work_again(fleet: Fleet) -> None:
    worker, other = (fleet.start_worker(name) for name in WORKERS)
    fleet.send_until_by(WORKERS)
    other.terminate()
    assert other.wait() == 0
    until(fleet.is_prompt, "deliveries that the broker told of", timeout_seconds=120)

    with fleet.machines["worker-1"].cut_from(fleet.machines["broker"]):
        fleet.send(EVENTS // 10)
        fleet.tables.wait_until_all_are("delivered", timeout_seconds=120)
        worker.wait_for_log("the broker is away")
        fleet.send(EVENTS // 10)
        fleet.tables.wait_until_all_are("delivered", timeout_seconds=120)

    until(fleet.is_prompt, "deliveries that the broker told of", timeout_seconds=120)
    fleet.tables.wait_until_all_are("delivered")
    assert fleet.tables.states() == {"delivered": fleet.sent}
    worker.terminate()
    assert worker.wait() == 0


@pytest.mark.parametrize("fleet", ["embedded"], indirect=True)
def test_two_machines_deliver_what_a_third_takes_and_one_that_is_cut_off_comes_back(fleet: Fleet) -> None:
    for name in WORKERS:
        fleet.start_worker(name)
    fleet.send_until_by(WORKERS)

    # Without a word: no connection is closed. What it leased is taken over when its leases end, and what it was just
    # leasing when the database gives up its transaction.
    with fleet.amid_a_claim("worker-1"), fleet.machines["worker-1"].cut_from(fleet.machines["database"]):
        fleet.send(EVENTS)
        fleet.tables.wait_until_all_are("delivered", timeout_seconds=120)

    fleet.send_until_by(["worker-1"])
    fleet.tables.wait_until_all_are("delivered")
    assert fleet.tables.states() == {"delivered": fleet.sent}
    assert {len(ids) for ids in fleet.tables.events().values()} == {1}
