"""Processes killed and servers stopped for real: every delivery is made, none is stuck."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from gateway.clock import MICROSECONDS, SystemClock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.schema.upgrade import upgrade
from gateway.security.sealing import generate_key
from tests.services.postgres import PrivatePostgres

from .conftest import Queue
from .sinks import Sink, never
from .test_worker import ShiftedClock, all_are, make_worker, until, working

pytestmark = pytest.mark.faults

# All workers of a database have the same key.
KEY = generate_key()
WORKER = """
import sys
from gateway.config import Settings
from gateway.engines.embedded import run_worker
from gateway.installation import Installation
url, key = sys.argv[1:]
settings = Settings(database_url=url, encryption_keys=(key,), allow_private_destinations=True)
with Installation(settings) as installation:
    code = run_worker(installation, shutdown_deadline_seconds=3)
sys.exit(code)
"""


@contextmanager
def worker_process(database_url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, database_url, KEY],
            cwd=Path(__file__).parents[3],
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_worker_killed_in_the_middle_loses_nothing(database: Database, settings: Settings, tmp_path: Path) -> None:
    queue = Queue(database, SystemClock())
    sink = Sink()

    async def go() -> None:
        async with sink.running():
            queue.add(queue.destination(url=sink.url), 1500)
            for round_ in range(1, 4):
                with worker_process(settings.database_url, tmp_path / "log") as process:
                    await until(lambda: len(sink.received) > round_ * 150)  # noqa: B023
                    process.send_signal(signal.SIGKILL)
                    process.wait()
            left = queue.states()
            assert left.get("leased"), left
            # Time passes, and with it the leases of the dead.
            queue.clock = ShiftedClock(60 * MICROSECONDS)
            async with working(make_worker(queue)):
                await until(all_are(queue, "delivered"))

    asyncio.run(go())
    assert len({received.header("webhook-id") for received in sink.received}) == 1500


# Which signal meets which database makes no difference.
@pytest.mark.parametrize(
    ("database_url", "number"),
    [("sqlite", signal.SIGINT), pytest.param("postgres", signal.SIGTERM, marks=pytest.mark.postgres)],
    indirect=["database_url"],
)
def test_a_signal_ends_a_worker_in_order(
    database: Database, settings: Settings, tmp_path: Path, number: signal.Signals
) -> None:
    queue = Queue(database, SystemClock())
    hanging = Sink(never)

    async def go() -> int:
        async with hanging.running():
            queue.add(queue.destination(url=hanging.url), 5)
            with worker_process(settings.database_url, tmp_path / "log") as process:
                await until(lambda: len(hanging.received) == 5)
                os.kill(process.pid, number)
                return await asyncio.to_thread(process.wait, 60)

    assert asyncio.run(go()) == 0, (tmp_path / "log").read_text()
    assert queue.states() == {"pending": 5}
    assert b"Traceback" not in (tmp_path / "log").read_bytes()


def test_postgres_that_stops_and_starts_again(private_postgres: PrivatePostgres) -> None:
    url = private_postgres.url
    upgrade(url)
    database = Database.open(url)
    queue = Queue(database, SystemClock())
    release = asyncio.Event()

    async def answer(_request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    sink = Sink(answer)

    async def go() -> None:
        async with sink.running():
            queue.add(queue.destination(url=sink.url, concurrency=20), 60)
            async with working(make_worker(queue)):
                await until(lambda: len(sink.received) == 20)
                await asyncio.to_thread(private_postgres.kill)
                release.set()
                await asyncio.to_thread(private_postgres.start)
                await until(all_are(queue, "delivered"))

    try:
        asyncio.run(go())
    finally:
        database.close()
    assert len(sink.received) == 60, "results that waited for the database are not sent again"
