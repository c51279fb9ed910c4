"""The field of one round: a gateway in processes that are started again whenever they end, what it runs on, and what
it delivers to.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import make_url

import gateway.installation
from gateway.config import Settings
from gateway.delivery.queue.claim import LEASE_MARGIN_SECONDS
from gateway.errors import StorageUnavailable
from tests.crash.mortality import FOLDER_VARIABLE
from tests.crash.nursery import Nursery, Offspring
from tests.services.brokers import PrivateBroker
from tests.services.gateway_process import ROOT, Installation
from tests.services.github_sender import SOURCE
from tests.services.postgres import PrivatePostgres, create_database, fresh_name
from tests.services.sink_thread import SinkThread, sink_thread
from tests.services.waiting import until

WORKERS = 2
TICK_SECONDS = 0.03
# Long enough for a busy machine: what was given up and arrives all the same arrives out of order. A lease lasts longer
# by its margin, which is how long the deliveries of a killed worker wait.
TIMEOUT_SECONDS = 6.0
# So long that their leases have ended, others have looked for that, and have gone on to the next of each key.
FROZEN_SECONDS = TIMEOUT_SECONDS + LEASE_MARGIN_SECONDS + 8.0
# Each kill costs some deliveries a try.
SCHEDULE_SECONDS = [0.5] * 60
# How soon workers find what a message about it was lost of.
SWEEP_SECONDS = 1
HANDLERS = f"""
import os

from gateway.handlers import on


@on("github", "push", timeout_seconds={TIMEOUT_SECONDS})
def note(event):
    with open("calls", "ab", buffering=0) as calls:
        calls.write(event.id.encode() + b"\\n")
"""


class Cell(NamedTuple):
    """One of the matrix."""

    engine: str
    database: str
    broker: str | None = None

    def __str__(self) -> str:
        return ", ".join(part for part in self if part)


class Field:
    """What is killed, and kept running. `keep` starts again what has ended."""

    def __init__(
        self,
        installation: Installation,
        asks: gateway.installation.Installation,
        nursery: Nursery,
        sink: SinkThread,
        postgres: PrivatePostgres | None,
        broker: PrivateBroker | None = None,
    ) -> None:
        self.installation = installation
        # What the driver itself has of the gateway, to ask for jobs.
        self.asks = asks
        self.sink = sink
        self.postgres = postgres
        self.broker = broker
        self.started = 0
        self._nursery = nursery
        self._tick = threading.Event()
        bind = f"127.0.0.1:{installation.port}"
        web = ("gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "--bind", bind, "--workers", "2")
        # Else it goes back to where it was imported.
        web += ("--chdir", str(self.folder))
        worker = ("gateway", "worker", "--handler-processes", "1")
        self._commands = [web, *[worker] * WORKERS]
        self._programs: list[Offspring] = []
        self._frozen: dict[int, float] = {}
        self.stood_still = False

    @property
    def folder(self) -> Path:
        return self.installation.directory

    def start(self) -> None:
        """Start everything for the first time."""
        self._programs = [self._start(command) for command in self._commands]

    def keep(self) -> None:
        """Start again what does not run any more, and let go on what was frozen for long enough."""
        for pid in [pid for pid, ends_at in self._frozen.items() if ends_at <= time.monotonic()]:
            del self._frozen[pid]
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        for index, command in enumerate(self._commands):
            if not self._programs[index].is_running():
                self._programs[index] = self._start(command)

    def stands_still(self, pid: int) -> None:
        """A process was stopped: it goes on when what it had leased is another's."""
        self._frozen[pid] = time.monotonic() + FROZEN_SECONDS
        self.stood_still = True

    @property
    def is_frozen(self) -> bool:
        """Whether a process stands still."""
        return bool(self._frozen)

    def web(self) -> Offspring:
        """The master of the web processes."""
        return self._programs[0]

    def workers(self) -> Sequence[Offspring]:
        """The workers that were started last, without those that stand still."""
        return [worker for worker in self._programs[1:] if worker.pid not in self._frozen]

    def processes(self) -> Sequence[int]:
        """Everything that runs, without what stands still, and its children."""
        frozen = self._frozen
        return [
            process.pid
            for process in self.installation.processes()
            if process.pid not in frozen and process.ppid() not in frozen
        ]

    def _start(self, command: Sequence[str]) -> Offspring:
        self.started += 1
        return self._nursery.start(*command)

    def lines(self, name: str) -> list[str]:
        """What processes have written into a file of the folder."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def armed(self) -> list[str]:
        """The points at which somebody is to die and nobody did yet."""
        return os.listdir(self.folder / "armed")

    def arm(self, name: str, passes: int, number: signal.Signals = signal.SIGKILL) -> None:
        """Whoever passes the point `name` after `passes` others gets a signal."""
        (self.folder / "armed" / f"{name}@{number}@{passes}").touch()

    def disarm(self) -> None:
        """Nobody dies at a point any more."""
        for name in self.armed():
            with suppress(FileNotFoundError):
                (self.folder / "armed" / name).unlink()

    def wait_for(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Keep everything running until `holds`; whether it did within `seconds`."""
        ends_at = time.monotonic() + seconds
        while True:
            self.keep()
            with suppress(StorageUnavailable):
                if holds():
                    return True
            if time.monotonic() > ends_at:
                return False
            self._tick.wait(TICK_SECONDS)

    def wait(self, seconds: float) -> None:
        """Keep everything running for so long."""
        ends_at = time.monotonic() + seconds
        self.wait_for(lambda: time.monotonic() >= ends_at, seconds)

    def fallen(self, name: str) -> dict[str, int]:
        """Who got the signal at a point: each fall with its process id."""
        falls = os.listdir(self.folder / "fallen")
        return {fall: int(fall.split("@")[1]) for fall in falls if fall.startswith(f"{name}@")}


@contextmanager
def field_of(
    cell: Cell, directory: Path, postgres: PrivatePostgres | None, broker: PrivateBroker | None
) -> Iterator[Field]:
    """A fresh database, a gateway on it that is up, and a sink. Leaving the block ends every process."""
    directory.mkdir(parents=True)
    for name in ("armed", "fallen"):
        (directory / name).mkdir()
    (directory / "crash_handlers.py").write_text(HANDLERS)
    database_url = f"sqlite:///{directory / 'gateway.db'}"
    if postgres is not None:
        database_url = create_database(make_url(postgres.url), fresh_name("crash"))
    variables = {
        FOLDER_VARIABLE: str(directory),
        "PYTHONPATH": f"{ROOT / 'tests' / 'crash' / 'inside'}:{ROOT}:{directory}",
        "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "true",
        "GATEWAY_HANDLERS": "crash_handlers",
        "GATEWAY_DELIVERY_SCHEDULE": ",".join(map(str, SCHEDULE_SECONDS)),
        # Else workers hear by the broker alone.
        **({"GATEWAY_WAKEUP_PIPE": str(directory / "wakeup")} if broker is None else {}),
        **({"GATEWAY_BROKER_URL": broker.url, "GATEWAY_SWEEP_SECONDS": str(SWEEP_SECONDS)} if broker else {}),
        "PROMETHEUS_MULTIPROC_DIR": str(directory / "metrics"),
    }
    with ExitStack() as stack:
        sink = stack.enter_context(sink_thread())
        installation = stack.enter_context(Installation(directory, database_url, **variables))
        installation.gateway("db", "upgrade")
        plain = {"name": "app", "url": sink.url("/app"), "timeout": TIMEOUT_SECONDS, "schedule": SCHEDULE_SECONDS}
        ordered = plain | {"name": "ordered", "url": sink.url("/ordered"), "ordering_key": "key"}
        installation.apply(
            sources=[SOURCE],
            destinations=[plain, ordered],
            routes=[{"source": "github", "to": "app"}, {"source": "github", "to": "ordered"}],
        )
        nursery = stack.enter_context(Nursery(directory, installation.environment))
        settings = Settings(
            database_url=database_url,
            encryption_key_file=directory / "instance" / "encryption.key",
            broker_url=broker.url if broker else "",
        )
        asks = stack.enter_context(gateway.installation.Installation(settings))
        field = Field(installation, asks, nursery, sink, postgres, broker)
        field.start()
        until(installation.is_up, "the web processes answer")
        until(lambda: all("worker started" in one.log() for one in field.workers()), "the workers deliver")
        yield field
