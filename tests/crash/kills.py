"""What can be killed in a field: processes at the points of `points`, and anything at any time. A table of kinds."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from random import Random
from typing import NamedTuple

import psutil

from tests.crash.field import Cell, Field
from tests.crash.points import POINTS
from tests.services.brokers import emptied

# How often a point is passed before its time has come, at most.
PASSES = 12
DATABASE_AWAY_SECONDS = 1.0
BROKER_AWAY_SECONDS = 3.0
# Longer than anybody waits for its answers, and for some shorter than it takes to notice.
BROKER_SILENT_SECONDS = 12.0
# Outside of transactions: who stands still in one of SQLite's stops all others.
STANDS_STILL_AT = ("worker-before-attempt", "worker-before-sending", "worker-before-reading", "job-after-commit")

Strike = Callable[[Field, Random], Callable[[], bool]]
"""Kills, or sees to it that something is killed; returns what tells whether it has happened."""


class Kill(NamedTuple):
    """A kind of kill, in the cells for which `fits` holds."""

    name: str
    strike: Strike
    fits: Callable[[Cell], bool] = lambda _cell: True


def kills_of(cell: Cell) -> list[Kill]:
    """All kinds that there are in a cell."""
    points = [
        Kill(point.name, partial(_at_point, point.name))
        for point in POINTS
        if cell.broker is not None or not point.by_broker
    ]
    return [kill for kill in (*points, *AT_ANY_TIME) if kill.fits(cell)]


def deck(cell: Cell, random: Random) -> Iterator[Kill]:
    """Kinds of kills without end: each comes once before any comes again, in an order of its own each time."""
    while True:
        kinds = kills_of(cell)
        random.shuffle(kinds)
        yield from kinds


def _at_point(name: str, field: Field, random: Random) -> Callable[[], bool]:
    before = len(field.fallen(name))
    field.arm(name, random.randrange(PASSES))
    return lambda: len(field.fallen(name)) > before


def _stand_still(field: Field, random: Random) -> Callable[[], bool]:
    """A worker stops amid a delivery, others take over what it had, and then it goes on as if nothing were."""
    name, passes = random.choice(STANDS_STILL_AT), random.randrange(PASSES)
    before: dict[str, int] = {}
    is_armed = False

    def has_stopped() -> bool:
        nonlocal before, is_armed
        if field.is_frozen:
            # The others are needed to take over.
            return False
        if not is_armed:
            before = field.fallen(name)
            field.arm(name, passes, signal.SIGSTOP)
            is_armed = True
        stopped = {fall: pid for fall, pid in field.fallen(name).items() if fall not in before}
        for pid in stopped.values():
            field.stands_still(pid)
        return bool(stopped)

    return has_stopped


def _one_of(candidates: Callable[[Field], Sequence[int]], field: Field, random: Random) -> Callable[[], bool]:
    chosen: list[int] = []

    def is_killed() -> bool:
        if not chosen:
            pids = _living(candidates, field)
            if pids:
                chosen.append(random.choice(pids))
                _kill(chosen)
        return bool(chosen)

    return is_killed


def _all_of(candidates: Callable[[Field], Sequence[int]], field: Field, _random: Random) -> Callable[[], bool]:
    def is_killed() -> bool:
        pids = _living(candidates, field)
        _kill(pids)
        return bool(pids)

    return is_killed


def _database(field: Field, random: Random) -> Callable[[], bool]:
    assert field.postgres is not None
    field.postgres.kill()
    field.wait(random.random() * DATABASE_AWAY_SECONDS)
    field.postgres.start()
    return lambda: True


def _broker(field: Field, random: Random) -> Callable[[], bool]:
    assert field.broker is not None
    field.broker.kill()
    field.wait(random.random() * BROKER_AWAY_SECONDS)
    field.broker.begin()
    return field.broker.is_up


def _silent_broker(field: Field, random: Random) -> Callable[[], bool]:
    assert field.broker is not None
    field.broker.stand_still()
    field.wait(random.random() * BROKER_SILENT_SECONDS)
    field.broker.go_on()
    return field.broker.is_up


def _emptied_broker(field: Field, _random: Random) -> Callable[[], bool]:
    assert field.broker is not None
    emptied(field.broker.url)
    return lambda: True


def _living(candidates: Callable[[Field], Sequence[int]], field: Field) -> Sequence[int]:
    with suppress(psutil.Error):
        return candidates(field)
    return []


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _web_processes(field: Field) -> list[int]:
    return [child.pid for child in psutil.Process(field.web().pid).children()]


def _web_master(field: Field) -> list[int]:
    return [field.web().pid]


def _workers(field: Field) -> list[int]:
    return [worker.pid for worker in field.workers() if worker.is_running()]


def _children(field: Field) -> list[int]:
    return [child.pid for worker in field.workers() for child in psutil.Process(worker.pid).children()]


AT_ANY_TIME = (
    Kill("a web process", partial(_one_of, _web_processes)),
    Kill("the web processes' master", partial(_one_of, _web_master)),
    Kill("a worker", partial(_one_of, _workers)),
    Kill("all workers", partial(_all_of, _workers)),
    Kill("a worker stands still", _stand_still),
    Kill("a worker's child", partial(_one_of, _children)),
    Kill("everything at once", partial(_all_of, Field.processes)),
    Kill("the database", _database, lambda cell: cell.database == "postgres"),
    Kill("the broker", _broker, lambda cell: cell.broker is not None),
    Kill("the broker stands still", _silent_broker, lambda cell: cell.broker is not None),
    Kill("the broker is emptied", _emptied_broker, lambda cell: cell.broker is not None),
)
