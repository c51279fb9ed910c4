"""`scripts/crash --kills N --seed S`: round after round over the matrix, until so many kills were made."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.crash.field import Cell
from tests.crash.reckoning import Count
from tests.crash.round import Round
from tests.services.brokers import PrivateBroker, private_broker
from tests.services.postgres import PrivatePostgres

CELLS = (
    Cell("embedded", "sqlite"),
    Cell("embedded", "postgres"),
    Cell("celery", "postgres", "rabbitmq"),
    Cell("celery", "postgres", "redis"),
    Cell("celery", "sqlite", "rabbitmq"),
    Cell("celery", "sqlite", "redis"),
)
KILLS_A_ROUND = 40
SHOWN_FAULTS = 10


def main() -> int:
    """0 when nothing was lost, came out of order or ran twice, and every kill could be made; else 1."""
    arguments = _parser().parse_args()
    cells = [cell for cell in CELLS if _is_wanted(cell, arguments)]
    if not cells:
        print("crash: no cell of the matrix is like that", file=sys.stderr)
        return 2
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix=f"gateway-crash-{arguments.seed}-"))
    total = Count()
    number = 0

    def tell(line: str) -> None:
        print(f"crash: {time.monotonic() - began:5.0f} s, round {number}, {line}", flush=True)

    with _postgres(cells) as postgres, _brokers(cells) as brokers:
        while total.kills < arguments.kills and time.monotonic() - began < 60 * arguments.minutes:
            cell, seed = cells[number % len(cells)], arguments.seed + number
            number += 1
            kills = min(arguments.per_round, arguments.kills - total.kills)
            directory = folder / f"round-{number}"
            server = postgres if cell.database == "postgres" else None
            tell(f"{cell}: seed {seed}, {kills} kills")
            count = Round(cell, kills, seed, directory, server, brokers.get(cell.broker)).run(tell)
            tell(f"{cell}: {count}")
            for fault in count.faults[:SHOWN_FAULTS]:
                tell(f"{cell}: {fault}")
            if count.faults:
                chosen = " ".join(f"--{axis} {name}" for axis, name in cell._asdict().items() if name)
                again = f"{chosen} --kills {kills} --seed {seed}"
                tell(f"{cell}: {len(count.faults)} faults, see {directory}; again with {again}")
            else:
                shutil.rmtree(directory)
            total += count
    print(f"crash: {number} rounds in {time.monotonic() - began:.0f} s: {total}, {len(total.faults)} faults")
    if not total.faults:
        shutil.rmtree(folder)
    return 1 if total.faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/crash", description="Kill a gateway, and count what it loses.")
    parser.add_argument("--kills", type=int, default=200, help="in all (default: %(default)s)")
    parser.add_argument("--per-round", type=int, default=KILLS_A_ROUND, help="on one database (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no round later (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each round has the next one")
    for axis in Cell._fields:
        names = sorted({getattr(cell, axis) for cell in CELLS} - {None})
        parser.add_argument(f"--{axis}", action="append", choices=names, help="repeatable (default: all)")
    return parser


def _is_wanted(cell: Cell, arguments: argparse.Namespace) -> bool:
    wanted = {axis: getattr(arguments, axis) for axis in Cell._fields}
    return all(names is None or getattr(cell, axis) in names for axis, names in wanted.items())


@contextmanager
def _postgres(cells: list[Cell]) -> Iterator[PrivatePostgres | None]:
    """A server that may be killed, where one is needed."""
    if not any(cell.database == "postgres" for cell in cells):
        yield None
        return
    server = PrivatePostgres()
    try:
        yield server
    finally:
        server.remove()


@contextmanager
def _brokers(cells: list[Cell]) -> Iterator[dict[str | None, PrivateBroker]]:
    """One of each kind that is needed, by its name."""
    with ExitStack() as stack:
        brokers: dict[str | None, PrivateBroker] = {}
        for name in sorted({cell.broker for cell in cells if cell.broker}):
            brokers[name] = private_broker(name)
            stack.callback(brokers[name].remove)
        yield brokers


if __name__ == "__main__":
    sys.exit(main())
