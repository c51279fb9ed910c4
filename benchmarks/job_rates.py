"""How many jobs of a millisecond one worker process carries out a second, on both engines, and tasks that an ordinary
Celery worker does on the same broker.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

from sqlalchemy import text

from benchmarks.databases import count_rows
from benchmarks.job_worker import KIND
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import ROOT, BenchmarkFailed, Children
from benchmarks.report import Row
from benchmarks.servers import GatewayUnderTest, gateway_under_test
from gateway.config import Settings, child_environment
from gateway.db.database import Database
from gateway.installation import Installation
from gateway.jobs.request import request_job
from gateway.tenants.acting import act
from gateway.tenants.audit import Actor, ActorKind

DATABASE = "postgres"
JOBS = 1_000
BATCH = 200
TIMEOUT_SECONDS = 100.0
ACTOR = Actor(ActorKind.SYSTEM, "benchmarks")
RATE = re.compile(r"rate ([0-9.]+)")
_TOOK = "SELECT (max(finished_at) - min(started_at)) / 1e6 FROM jobs"


def measure(options: Options, kind: str, broker: Callable[[str], AbstractContextManager[str]]) -> list[Row]:
    """Rows for one broker."""
    rates: dict[str, list[float]] = {"embedded": [], "Celery": [], "plain": []}
    with workplace() as (_, directory), ExitStack() as stack:
        url = stack.enter_context(broker(kind))
        embedded = stack.enter_context(gateway_under_test("embedded", DATABASE, directory, "http://127.0.0.1:9/"))
        celery = replace(embedded, name="celery", variables=embedded.variables | {"GATEWAY_BROKER_URL": url})
        for number in range(options.runs):
            rates["embedded"].append(_rate(embedded))
            rates["Celery"].append(_rate(celery))
            rates["plain"].append(_plain_rate(url, directory))
            told = ", ".join(f"{name} {values[-1]:.0f}/s" for name, values in rates.items())
            progress(f"engines jobs {kind} run {number + 1}: {told}")
    return [
        Row(f"jobs of 1 ms, {name} ÷ plain Celery on {kind}", DATABASE, "/s", rates[name], rates["plain"])
        for name in ("embedded", "Celery")
    ]


def _rate(subject: GatewayUnderTest) -> float:
    _ask(subject)
    with Children() as children:
        command = [sys.executable, "-m", "benchmarks.job_worker"]
        worker = children.start(
            f"{subject.name}-jobs", command, directory=subject.directory, environment=_environment(subject.variables)
        )
        ends_at = time.monotonic() + TIMEOUT_SECONDS
        while count_rows(subject.database_url, "jobs", "state <> 'succeeded'"):
            worker.require_alive()
            if time.monotonic() > ends_at:
                raise BenchmarkFailed(f"{JOBS} jobs did not end within {TIMEOUT_SECONDS:.0f} s:\n{worker.tail()}")
            time.sleep(0.2)
    database = Database.open(subject.database_url)
    try:
        with database.write() as connection:
            took = float(connection.execute(text(_TOOK)).scalar_one())
            connection.execute(text("DELETE FROM jobs"))
    finally:
        database.close()
    return JOBS / took


def _ask(subject: GatewayUnderTest) -> None:
    settings = Settings(
        database_url=subject.database_url,
        encryption_keys=(subject.variables["GATEWAY_ENCRYPTION_KEYS"],),
        broker_url=subject.variables.get("GATEWAY_BROKER_URL", ""),
    )
    with Installation(settings) as opened:
        for _ in range(JOBS // BATCH):
            with act(opened, actor=ACTOR, write=True) as acting:
                for _ in range(BATCH):
                    request_job(acting, KIND, {})


def _plain_rate(broker_url: str, directory: Path) -> float:
    variables = {"BENCH_BROKER_URL": broker_url, "BENCH_TASKS": str(JOBS)}
    environment = _environment(variables)
    application = [sys.executable, "-m", "celery", "-A", "benchmarks.plain_celery"]
    publish = f"from benchmarks.plain_celery import task; [task.delay() for _ in range({JOBS})]"
    with Children() as children:
        publishing = children.start(
            "publish", [sys.executable, "-c", publish], directory=directory, environment=environment
        )
        if publishing.process.wait(TIMEOUT_SECONDS):
            raise BenchmarkFailed(f"the tasks could not be published:\n{publishing.tail()}")
        command = [*application, "worker", "-P", "threads", "-c", "4", "-l", "WARNING"]
        worker = children.start("plain", command, directory=directory, environment=environment)
        worker.process.wait(TIMEOUT_SECONDS)
        told = RATE.findall(worker.log.read_text())
    if not told:
        raise BenchmarkFailed(f"plain Celery told no rate:\n{worker.tail()}")
    return float(told[-1])


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    return child_environment({**variables, "PYTHONPATH": str(ROOT)})
