"""Workers of each engine as processes, on a database and a broker, with a sink to deliver to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from gateway.config import load_settings
from gateway.installation import Installation
from tests.services.deliveries import stored_deliveries
from tests.services.gateway_process import Installation as Processes
from tests.services.gateway_process import Program
from tests.services.relay import Relay, relay_to
from tests.services.sink_thread import SinkThread, sink_thread
from tests.services.waiting import until


@dataclass
class Fleet:
    """One gateway: `processes` are its workers, `ours` is what this test's process has of it."""

    processes: Processes
    ours: Installation
    sink: SinkThread
    relay: Relay | None

    def destination(self, name: str, **options: Any) -> str:
        """A destination at the sink; its id."""
        path = options.pop("path", "/hook")
        self.processes.apply(destinations=[{"name": name, "url": self.sink.url(path), **options}])
        found = self.processes.json("destinations", "show", name)
        return str(found["id"])

    def worker(self, *options: str, name: str = "worker") -> Program:
        """A worker that delivers."""
        program = self.processes.start("worker", *options, name=name)
        program.wait_for_log("worker started")
        return program

    def add(self, destination_id: str, count: int = 1, *, announces: bool = True, **options: Any) -> list[str]:
        """Deliveries, stored and, unless said otherwise, announced."""
        ids = stored_deliveries(self.ours, destination_id, count, **options)
        if announces:
            self.ours.announcements.deliveries(ids)
        return ids

    def states(self, ids: list[str]) -> set[str]:
        """The states in which these deliveries are."""
        with self.ours.database.read() as connection:
            rows = connection.execute(text("SELECT id, state FROM deliveries"))
            return {state for id_, state in rows if id_ in set(ids)}

    def wait_until(self, ids: list[str], state: str = "delivered") -> None:
        """Wait until all are so."""
        until(lambda: self.states(ids) == {state}, lambda: self.states(ids))

    def tries(self, ids: list[str]) -> list[tuple[str, str]]:
        """Each try that the sink saw of these deliveries: the delivery, and the number of the try."""
        came = [(one.header("webhook-id") or "", one.header("gateway-attempt") or "") for one in self.sink.all()]
        return [one for one in came if one[0] in set(ids)]


@pytest.fixture(params=["embedded", "rabbitmq", "redis"], scope="module")
def engine(request: pytest.FixtureRequest) -> str:
    """The engine by which workers run; of Celery, the broker."""
    return str(request.param)


@pytest.fixture(scope="module")
def fleet(request: pytest.FixtureRequest, engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A gateway on the engine; no worker runs yet. Shared by the tests of a file, each with destinations of its own."""
    folder: Path = tmp_path_factory.mktemp("fleet")
    broker_url = "" if engine == "embedded" else request.getfixturevalue(f"{engine}_url")
    reused = request.getfixturevalue("_reused_databases")
    with sink_thread() as sink, reused.lent() as database_url:
        metrics = folder / "gateway" / "metrics"
        metrics.mkdir(parents=True)
        variables = {"GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "true", "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        if not broker_url:
            yield from _fleet(folder, database_url, variables, sink, None)
            return
        with relay_to(broker_url) as relay:
            variables |= {"GATEWAY_BROKER_URL": relay.before(broker_url), "GATEWAY_SWEEP_SECONDS": "2"}
            yield from _fleet(folder, database_url, variables, sink, relay)


def _fleet(
    folder: Path, database_url: str, variables: dict[str, str], sink: SinkThread, relay: Relay | None
) -> Iterator[Fleet]:
    with Processes(folder / "gateway", database_url, **variables) as processes:
        own = {name: value for name, value in processes.environment.items() if name.startswith("GATEWAY_")}
        with Installation(load_settings(own)) as ours:
            yield Fleet(processes, ours, sink, relay)
