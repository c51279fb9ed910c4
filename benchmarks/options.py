"""How a benchmark is to be run: what the command line says, as one value, and what all benchmarks are given."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.processes import Children


@dataclass(frozen=True, slots=True)
class Options:
    """Defaults are those of the figures in docs/performance.md."""

    databases: tuple[str, ...] = ("sqlite", "postgres")
    runs: int = 5
    seconds: float = 5.0
    connections: int = 32
    workers: int | None = None
    modes: tuple[str, ...] = ("maximum", "delivering")
    deliveries: int = 20_000
    rows: int = 1_000_000
    history_body_bytes: int = 256
    events: int = 100_000
    backlog: int = 100_000
    brokers: tuple[str, ...] = ("rabbitmq", "redis")
    parts: tuple[str, ...] = ("delivery", "announcing", "latency", "schedules", "jobs")


@contextmanager
def workplace() -> Iterator[tuple[Children, Path]]:
    """Where a benchmark starts processes and keeps files; both are gone afterwards."""
    with TemporaryDirectory(prefix="gateway-bench-") as directory, Children() as children:
        yield children, Path(directory)


def progress(message: str) -> None:
    """Tell a waiting person what was just measured."""
    print(f"bench: {message}", file=sys.stderr, flush=True)
