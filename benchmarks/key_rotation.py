"""Sealing 100 000 secrets of the vault anew with another key, while others read them and tokens are refreshed."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import insert

from benchmarks.databases import gateway_database, settle
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import BenchmarkFailed
from benchmarks.report import Row, Target
from gateway.config import Settings
from gateway.installation import Installation
from gateway.jobs.here import carry_out_here
from gateway.jobs.request import Holder, request_job
from gateway.jobs.summary import JobSummary
from gateway.key_rotation.counting import count_old
from gateway.key_rotation.kind import ROTATE
from gateway.key_rotation.resealing import Resealer
from gateway.oauth import vault
from gateway.oauth.models import VaultEntry
from gateway.security.sealing import Keyring, generate_key
from gateway.tenants.acting import act_for_system
from gateway.tenants.audit import Actor, ActorKind
from gateway.tenants.models import DEFAULT_TENANT_ID

CONNECTIONS = 50_000
FIELDS = ("access_token", "refresh_token")
SECRETS = CONNECTIONS * len(FIELDS)
ROWS_PER_STATEMENT = 2_000
TARGET = Target(60.0, at_most=True)
PAUSE_SECONDS = 0.005
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BENCH = Actor(ActorKind.COMMAND_LINE, "bench")


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [row for kind in options.databases for row in _measure(kind, options.runs)]


def _measure(kind: str, runs: int) -> Sequence[Row]:
    seconds: list[float] = []
    reads: list[float] = []
    refreshes: list[float] = []
    keys = [generate_key()]
    with workplace() as (_, directory), gateway_database(kind, directory) as url:
        with Installation(Settings(database_url=url, encryption_keys=(keys[0],))) as installation:
            _fill(installation)
        settle(url)
        for number in range(runs):
            keys.insert(0, generate_key())
            with Installation(Settings(database_url=url, encryption_keys=tuple(keys[:2]))) as installation:
                others = _Others(installation)
                began = time.perf_counter()
                with others:
                    _rotate(installation)
                seconds.append(time.perf_counter() - began)
                _require_done(installation)
            reads.append(others.slowest_read)
            refreshes.append(others.slowest_refresh)
            progress(
                f"secrets {kind} run {number + 1}: {seconds[-1]:.1f} s; meanwhile {others.reads} reads, the slowest "
                f"{reads[-1] * 1000:.0f} ms; {others.refreshes} refreshes, the slowest {refreshes[-1] * 1000:.0f} ms"
            )
    return (
        Row(f"rotation of {SECRETS} secrets", kind, "s", seconds, target=TARGET),
        Row("slowest read meanwhile", kind, "s", reads),
        Row("slowest refresh meanwhile", kind, "s", refreshes),
    )


class _Others:
    """Inside the block: one thread that reads tokens, and one that stores refreshed ones."""

    def __init__(self, installation: Installation) -> None:
        self.reads = self.refreshes = 0
        self.slowest_read = self.slowest_refresh = 0.0
        self._installation = installation
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=one) for one in (self._read, self._refresh)]

    def __enter__(self) -> _Others:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _read(self) -> None:
        while not self._is_over.wait(PAUSE_SECONDS):
            began = time.perf_counter()
            with self._installation.database.system_session() as session:
                vault.read(session, self._installation.keyring, _connection(random.randrange(CONNECTIONS)))
            self.slowest_read = max(self.slowest_read, time.perf_counter() - began)
            self.reads += 1

    def _refresh(self) -> None:
        while not self._is_over.wait(PAUSE_SECONDS):
            began = time.perf_counter()
            with self._installation.database.system_session(write=True) as session:
                vault.write(
                    session,
                    self._installation.keyring,
                    tenant_id=DEFAULT_TENANT_ID,
                    owner_id=_connection(random.randrange(CONNECTIONS)),
                    secrets=dict.fromkeys(FIELDS, "refreshed"),
                    now=NOW,
                )
            self.slowest_refresh = max(self.slowest_refresh, time.perf_counter() - began)
            self.refreshes += 1


def _rotate(installation: Installation) -> None:
    def ask(holder: Holder) -> JobSummary:
        payload = {"key": installation.keyring.ids[0], "forget": False}
        with act_for_system(installation, actor=BENCH, write=True) as acting:
            return request_job(acting, ROTATE, payload, holder=holder)

    def tell(_done: int, _total: int | None, _line: str | None) -> None:
        return

    carry_out_here(installation, ROTATE, ask, actor=BENCH, on_progress=tell)


def _require_done(installation: Installation) -> None:
    resealer = Resealer(installation.keyring, installation.keyring.ids)
    *_, found = count_old(installation.database.read, resealer)
    if found.found or found.missing or found.broken:
        raise BenchmarkFailed(f"{found.found} secrets are sealed with the old key still, {found.broken} do not open")


def _fill(installation: Installation) -> None:
    installation.claim_keys()
    numbers = range(CONNECTIONS)
    step = ROWS_PER_STATEMENT // len(FIELDS)
    for start in range(0, CONNECTIONS, step):
        rows = [
            _row(installation.keyring, number, field) for number in numbers[start : start + step] for field in FIELDS
        ]
        with installation.database.write() as connection:
            connection.execute(insert(VaultEntry), rows)


def _row(keyring: Keyring, number: int, field: str) -> dict[str, object]:
    owner_id, value = _connection(number), f"{field}-{number:0>64}"
    sealed = vault.seal_entry(keyring, tenant_id=DEFAULT_TENANT_ID, owner_id=owner_id, field=field, value=value)
    row = {"tenant_id": DEFAULT_TENANT_ID, "owner_id": owner_id, "field": field}
    return {**row, "sealed_value": sealed, "updated_at": NOW}


def _connection(number: int) -> str:
    return f"conn_{number:0>26}"
