"""Pulling: how many entities a second, against a loop that only stores them; what a pull costs in which nothing, or
little, changed; and how much memory one of a million takes.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.databases import count_rows, gateway_database, settle
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import ROOT, BenchmarkFailed, Children
from benchmarks.report import Row, Target
from benchmarks.sync_peer import record
from benchmarks.sync_subject import INSTANCE, bare_loop, pull
from gateway.clients.client import ApiClient
from gateway.config import Settings, child_environment
from gateway.entities.content import canonical, content_digest
from gateway.entities.states import RunMode
from gateway.entities.store.writing import EntityRow, Shared, insert_entities
from gateway.installation import Installation
from gateway.security.identifiers import new_id
from gateway.security.sealing import generate_key
from gateway.tenants.models import DEFAULT_TENANT_ID

ENTITIES = 100_000
CHANGED = 100
FEW = 10_000
FULL_TARGET = Target(0.5)
UNCHANGED_TARGET = Target(2.0)
INCREMENTAL_TARGET = Target(1.3, at_most=True)
MEMORY_TARGET = Target(60.0, at_most=True)
ROUNDS = 7


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [row for kind in options.databases for row in (*_full(kind, options), *_incremental(kind, options))]


def measure_memory(options: Options) -> list[Row]:
    """One run each: it is the same every time."""
    rows = []
    for kind in options.databases:
        with ExitStack() as stack:
            children, directory = stack.enter_context(workplace())
            peer = stack.enter_context(peer_of(children, directory))
            grown = _grown(stack.enter_context(gateway_database(kind, directory)), peer, options.rows)
        progress(f"sync memory {kind}: {grown:.1f} MB more")
        rows.append(Row(f"memory of a pull of {options.rows}", kind, "MB", [grown], target=MEMORY_TARGET))
    return rows


def _full(kind: str, options: Options) -> Sequence[Row]:
    first: list[float] = []
    second: list[float] = []
    bare: list[float] = []
    with workplace() as (children, directory), peer_of(children, directory) as peer:
        # The peer has made its pages, and the bare loop pays for nothing that we do not.
        for number in range(options.runs):
            with gateway_database(kind, directory) as url, opened(url) as installation:
                bare.append(ENTITIES / timed(lambda: bare_loop(url, peer, count=ENTITIES)))
                with ApiClient(peer, allow_http=True, policy=installation.policy) as client:
                    first.append(ENTITIES / timed(lambda: pull(installation, client, count=ENTITIES)))
                    before = count_rows(url, "events")
                    second.append(ENTITIES / timed(lambda: pull(installation, client, count=ENTITIES)))
                require(count_rows(url, "entities") == ENTITIES, "an entity is missing")
                require(count_rows(url, "events", "type LIKE 'gateway.entity.%'") == ENTITIES, "an event is missing")
                require(count_rows(url, "events") == before + 1, "a pull in which nothing changed told of something")
            progress(f"sync {kind} run {number + 1}: {first[-1]:.0f}/s, then {second[-1]:.0f}/s; bare {bare[-1]:.0f}/s")
    return (
        Row(f"first full pull of {ENTITIES} ÷ bare loop", kind, "/s", first, bare, FULL_TARGET),
        Row("second full pull, nothing changed ÷ first", kind, "/s", second, first, UNCHANGED_TARGET),
    )


def _incremental(kind: str, options: Options) -> Sequence[Row]:
    with workplace() as (children, directory), peer_of(children, directory) as peer:
        few = _incremental_seconds(kind, directory, peer, FEW)
        many = _incremental_seconds(kind, directory, peer, options.rows)
    return (Row(f"{CHANGED} changes among {options.rows} ÷ among {FEW}", kind, "ms", many, few, INCREMENTAL_TARGET),)


def _incremental_seconds(kind: str, directory: Path, peer: str, count: int) -> list[float]:
    took = []
    with gateway_database(kind, directory) as url, opened(url) as installation:
        fill(installation, count)
        settle(url)
        with ApiClient(peer, allow_http=True, policy=installation.policy) as client:
            for _ in range(ROUNDS):
                seconds = timed(
                    lambda: require(
                        pull(installation, client, count=count, changed=CHANGED, mode=RunMode.INCREMENTAL)["counts"][
                            "read"
                        ]
                        == CHANGED,
                        "a change is missing",
                    )
                )
                took.append(seconds * 1000)
    progress(f"sync {kind}: {CHANGED} changes among {count}: {sorted(took)[len(took) // 2]:.1f} ms")
    return took[1:]


def fill(installation: Installation, count: int) -> None:
    """As a full pull leaves it, quicker."""
    shared = Shared(DEFAULT_TENANT_ID, INSTANCE, "bench", "contact", installation.clock.now_us())
    for start in range(0, count, 10_000):
        with installation.database.write() as connection:
            insert_entities(connection, shared, [_row(number) for number in range(start, min(start + 10_000, count))])
    with installation.database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO sync_cursors (tenant_id, instance_id, resource, cursor, full_at, updated_at) "
                "VALUES (:tenant, :instance, 'contacts', :cursor, 1, 1)"
            ),
            {"tenant": DEFAULT_TENANT_ID, "instance": INSTANCE, "cursor": '{"version": 1}'},
        )


def _row(number: int) -> EntityRow:
    whole = record(number)
    attributes: dict[str, Any] = {
        name: value for name, value in whole.items() if name not in ("id", "name", "version", "updated")
    }
    name = str(whole["name"])
    return EntityRow(
        id=new_id("ent"),
        integration_id=str(whole["id"]),
        name=name,
        attributes=canonical(attributes).decode(),
        state=None,
        state_at=None,
        parent=None,
        area=None,
        external_version="1",
        external_updated_at=None,
        content_hash=content_digest(name, attributes, None, None, None),
    )


def _grown(url: str, peer: str, count: int) -> float:
    """How much a process grows that pulls so many."""
    command = [sys.executable, "-m", "benchmarks.sync_memory", url, peer, str(count)]
    environment = child_environment({"PYTHONPATH": str(ROOT)})
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise BenchmarkFailed(f"the pull failed:\n{done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])


@contextmanager
def peer_of(children: Children, directory: Path) -> Iterator[str]:
    """The URL of a system on loopback."""
    command = [sys.executable, "-m", "benchmarks.sync_peer"]
    child = children.start(
        "sync-peer", command, directory=directory, environment=child_environment({"PYTHONPATH": str(ROOT)})
    )
    ends_at = time.monotonic() + 20
    while not (told := child.log.read_text().strip()):
        child.require_alive()
        if time.monotonic() > ends_at:
            raise BenchmarkFailed("the peer did not start")
        time.sleep(0.05)
    yield told.split()[0]


@contextmanager
def opened(url: str) -> Iterator[Installation]:
    """An installation on a database."""
    settings = Settings(database_url=url, encryption_keys=(generate_key(),), allow_private_destinations=True)
    with Installation(settings) as installation:
        yield installation


def timed(work: Callable[[], object]) -> float:
    """How many seconds it took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def require(is_so: bool, otherwise: str) -> None:
    """Raises `BenchmarkFailed` unless it is so."""
    if not is_so:
        raise BenchmarkFailed(otherwise)
