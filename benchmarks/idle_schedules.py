"""What many schedules cost that are not due: time in the database of one worker's looks, a second."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from marshmallow import Schema
from sqlalchemy import Connection, event, insert

from benchmarks.databases import gateway_database, settle
from benchmarks.options import Options, progress, workplace
from benchmarks.report import Row, Target
from gateway.config import Settings
from gateway.db.model import SYSTEM
from gateway.installation import Installation
from gateway.jobs.kind import Kind
from gateway.jobs.models import Schedule
from gateway.jobs.schedules.tick import Ticker
from gateway.security.identifiers import new_id
from gateway.security.sealing import generate_key

SCHEDULES = 100_000
LOOKS = 200
BATCH = 5_000
TARGET = Target(5.0, at_most=True)
KIND = Kind(name="bench.nothing", payload=Schema, run=lambda _run: None, timeout_seconds=60.0)


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [_measure(kind, options) for kind in options.databases]


def _measure(kind: str, options: Options) -> Row:
    with workplace() as (_, directory), gateway_database(kind, directory) as url:
        settings = Settings(database_url=url, encryption_keys=(generate_key(),))
        with Installation(settings) as installation:
            _fill(installation)
            settle(url)
            ticker = Ticker(installation, installation.clock, {KIND.name: KIND}, random=random.random)
            samples = [_milliseconds(installation, ticker) for _ in range(options.runs)]
    progress(f"engines schedules {kind}: {samples[-1]:.3f} ms a second")
    return Row(f"{SCHEDULES} idle schedules, database time a second", kind, "ms", samples, target=TARGET)


def _fill(installation: Installation) -> None:
    now = installation.now()
    for start in range(0, SCHEDULES, BATCH):
        with installation.database.write() as connection:
            connection.execute(insert(Schedule), [_row(number, now) for number in range(start, start + BATCH)])


def _row(number: int, now: datetime) -> dict[str, object]:
    return {
        "id": new_id("sch"),
        "tenant_id": SYSTEM,
        "name": f"idle-{number}",
        "kind": KIND.name,
        "payload": {},
        "every_seconds": 86_400,
        "next_at": now + timedelta(hours=1, seconds=number % 80_000),
        "created_at": now,
        "scheduled_at": now,
    }


def _milliseconds(installation: Installation, ticker: Ticker) -> float:
    """A look's mean time in the database, by how often a worker looks."""
    with _timed(installation) as spent:
        for _ in range(LOOKS):
            if ticker.step():
                raise AssertionError("none of them is due")
    return sum(spent) * 1000 / LOOKS / ticker.idle_seconds


@contextmanager
def _timed(installation: Installation) -> Iterator[Sequence[float]]:
    spent: list[float] = []
    began: list[float] = []

    def before(*_arguments: object) -> None:
        began.append(time.perf_counter())

    def after(*_arguments: object) -> None:
        spent.append(time.perf_counter() - began.pop())

    event.listen(Connection, "before_cursor_execute", before)
    event.listen(Connection, "after_cursor_execute", after)
    try:
        yield spent
    finally:
        event.remove(Connection, "before_cursor_execute", before)
        event.remove(Connection, "after_cursor_execute", after)
