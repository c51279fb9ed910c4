"""Tokens of connections: at hand and from the vault, many who ask at once, and many connections of which some are due.

The provider is a thread of this process, which answers after a fixed time.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection as Pipe

from sqlalchemy import insert, update

from benchmarks.databases import gateway_database, settle
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import BenchmarkFailed
from benchmarks.report import Row, Target
from gateway.config import Settings
from gateway.db.shared_clock import shared_now
from gateway.installation import Installation
from gateway.jobs.here import carry_out_here
from gateway.jobs.request import Holder, request_job
from gateway.jobs.summary import JobSummary
from gateway.oauth import vault
from gateway.oauth.connections.renewal import refresh_at
from gateway.oauth.models import AppCredentials, Connection, VaultEntry
from gateway.oauth.refreshing.due import find_due
from gateway.oauth.refreshing.kind import REFRESH
from gateway.oauth.refreshing.single_flight import SingleFlight, ensure_fresh
from gateway.security.sealing import generate_key
from gateway.tenants.acting import act_for_system
from gateway.tenants.audit import Actor, ActorKind
from gateway.tenants.models import DEFAULT_TENANT_ID

BENCH = Actor(ActorKind.COMMAND_LINE, "bench")
PROVIDER, APP = "bench-provider", "app_bench"
FEW, MANY = 1_000, 100_000
DUE_PER_MINUTE = MANY // 100
LIFE = timedelta(seconds=6000)
ANSWER_SECONDS = 0.1
THREADS, PROCESSES = 50, 2
WARM_CALLS, COLD_CALLS, SCANS = 100_000, 300, 50
ROWS_PER_STATEMENT = 1_000
ENTRY = """
name: Bench Provider
category: identity
oauth:
  kind: oauth2
  evidence: {{level: ours, by: [the benchmark]}}
  parameters: {{base: {{about: its URL, kind: url, default: "{url}"}}}}
  authorize: {{url: "{{base}}/authorize"}}
  token: {{url: "{{base}}/token"}}
  refresh: {{style: rotating}}
  api: {{base_url: "{{base}}/api"}}
"""


class _Provider(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Provider

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.calls += 1
            number = self.server.calls
        time.sleep(ANSWER_SECONDS)
        seconds = round(LIFE.total_seconds())
        said = {"access_token": f"access-{number}", "refresh_token": f"refresh-{number}", "expires_in": seconds}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [row for kind in options.databases for row in _measure(kind, options.runs)]


def _measure(kind: str, runs: int) -> Sequence[Row]:
    with workplace() as (_, directory), gateway_database(kind, directory) as url, _provider() as provider:
        (directory / "providers").mkdir()
        (directory / "providers" / f"{PROVIDER}.yaml").write_text(ENTRY.format(url=provider.url))
        settings = Settings(
            database_url=url,
            encryption_keys=(generate_key(),),
            providers_dir=directory / "providers",
            allow_private_destinations=True,
        )
        with Installation(settings) as installation:
            _fill(installation, 0, FEW)
            settle(url)
            few = [_scan(installation) for _ in range(runs)]
            _fill(installation, FEW, MANY)
            settle(url)
            many = [_scan(installation) for _ in range(runs)]
            warm = [_warm(installation) for _ in range(runs)]
            cold = [_cold(installation) for _ in range(runs)]
            herd = _herd(installation)
            storms = [_storm(settings, installation, provider, number) for number in range(runs)]
            rates = [_minute(installation, number) for number in range(runs)]
    progress(f"oauth {kind}: most due in one minute ÷ on average {herd:.2f}")
    return (
        Row("token at hand", kind, "µs", [one * 1e6 for one in warm], target=Target(50, at_most=True)),
        Row("token from the vault, p95", kind, "ms", [one * 1e3 for one in cold], target=Target(5, at_most=True)),
        Row(
            f"{THREADS} threads × {PROCESSES} on one token, beyond the call",
            kind,
            "s",
            storms,
            target=Target(0.05, True),
        ),
        Row(
            f"scan for what is due: {MANY} to {FEW}",
            kind,
            "ms",
            [one * 1e3 for one in many],
            [one * 1e3 for one in few],
            target=Target(2.0, at_most=True),
        ),
        Row(f"most due in a minute of {MANY}, to the mean", kind, "", [herd]),
        Row(
            f"refreshing {DUE_PER_MINUTE}, which are due in a minute",
            kind,
            "s",
            rates,
            target=Target(60.0, at_most=True),
        ),
    )


def _warm(installation: Installation) -> float:
    """Seconds for one."""
    connection_id = _id(1)
    ensure_fresh(installation, connection_id)
    began = time.perf_counter()
    for _ in range(WARM_CALLS):
        ensure_fresh(installation, connection_id)
    return (time.perf_counter() - began) / WARM_CALLS


def _cold(installation: Installation) -> float:
    flight = SingleFlight(installation)
    took = []
    for number in random.sample(range(2, MANY), COLD_CALLS):
        began = time.perf_counter()
        flight.token(_id(number))
        took.append(time.perf_counter() - began)
    return statistics.quantiles(took, n=20)[-1]


def _scan(installation: Installation) -> float:
    """Seconds for one look at which nothing is due."""
    before = shared_now(installation.clock, installation.database) - timedelta(days=1)
    took = []
    for _ in range(SCANS):
        began = time.perf_counter()
        with installation.database.system_session() as session:
            if find_due(session, before):
                raise BenchmarkFailed("something was due a day ago")
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def _herd(installation: Installation) -> float:
    """All are connected in one minute: the most that are due in one minute, to the mean of those in which some are."""
    now = installation.now()
    due: Counter[int] = Counter()
    for _ in range(MANY):
        at = _refresh_at(installation, now + timedelta(seconds=60 * random.random()))
        due[int((at - now).total_seconds() // 60)] += 1
    return max(due.values()) / statistics.mean(due.values())


def _storm(settings: Settings, installation: Installation, provider: _Provider, number: int) -> float:
    """Seconds until the last is served, beyond the provider's own."""
    connection_id = _id(10 + number)
    ended = shared_now(installation.clock, installation.database) - timedelta(seconds=1)
    with installation.database.write() as connection:
        connection.execute(update(Connection).where(Connection.id == connection_id).values(access_expires_at=ended))
    context = multiprocessing.get_context("spawn")
    ours, processes = [], []
    for _ in range(PROCESSES):
        our, their = context.Pipe()
        process = context.Process(target=_ask, args=(their, settings, connection_id))
        process.start()
        ours.append(our)
        processes.append(process)
    for our in ours:
        our.recv()
    before, began = provider.calls, time.time()
    for our in ours:
        our.send(None)
    found = [our.recv() for our in ours]
    for process in processes:
        process.join()
    if provider.calls - before != 1 or len({token for tokens, _ in found for token in tokens}) != 1:
        raise BenchmarkFailed(f"{provider.calls - before} refreshes of one token")
    return max(0.0, max(at for _, at in found) - began - ANSWER_SECONDS)


def _ask(pipe: Pipe, settings: Settings, connection_id: str) -> None:
    """A process whose threads ask all at once."""
    with Installation(settings) as installation, ThreadPoolExecutor(THREADS) as pool:
        ensure_fresh(installation, _id(1))
        gate = threading.Barrier(THREADS + 1)

        def ask(_number: int) -> str:
            gate.wait()
            return ensure_fresh(installation, connection_id).value

        asked = [pool.submit(ask, number) for number in range(THREADS)]
        pipe.send(None)
        pipe.recv()
        gate.wait()
        tokens = {one.result() for one in asked}
        pipe.send((tokens, time.time()))


def _minute(installation: Installation, number: int) -> float:
    """Seconds for what is due in one minute."""
    now = shared_now(installation.clock, installation.database)
    first = 1000 * (number + 1)
    ids = [_id(one) for one in range(first, first + DUE_PER_MINUTE)]
    with installation.database.write() as connection:
        due = update(Connection).where(Connection.id.in_(ids)).values(refresh_at=now, scheduled_at=now)
        connection.execute(due)

    def ask(holder: Holder) -> JobSummary:
        with act_for_system(installation, actor=BENCH, write=True) as acting:
            return request_job(acting, REFRESH, {}, holder=holder)

    began = time.perf_counter()
    refreshed = 0
    while refreshed < DUE_PER_MINUTE:
        result = carry_out_here(installation, REFRESH, ask, actor=BENCH, on_progress=lambda *_: None)
        if not result or not result.get("refreshed"):
            raise BenchmarkFailed(f"{refreshed} of {DUE_PER_MINUTE} were refreshed")
        refreshed += int(result["refreshed"])
    return time.perf_counter() - began


def _fill(installation: Installation, start: int, end: int) -> None:
    installation.claim_keys()
    now = shared_now(installation.clock, installation.database)
    if not start:
        with installation.database.write() as connection:
            app = {
                "id": APP,
                "tenant_id": DEFAULT_TENANT_ID,
                "name": "bench",
                "provider": PROVIDER,
                "client_id": "bench",
            }
            times = {"created_at": now, "updated_at": now}
            connection.execute(insert(AppCredentials), [{**app, "parameters": {}, **times}])
            connection.execute(insert(VaultEntry), [_secret(installation, APP, vault.CLIENT_SECRET, "secret", now)])
    for first in range(start, end, ROWS_PER_STATEMENT):
        numbers = range(first, min(first + ROWS_PER_STATEMENT, end))
        with installation.database.write() as connection:
            connection.execute(insert(Connection), [_row(installation, number, now) for number in numbers])
            connection.execute(
                insert(VaultEntry),
                [
                    _secret(installation, _id(number), field, f"{field}-{number:0>64}", now)
                    for number in numbers
                    for field in (vault.ACCESS_TOKEN, vault.REFRESH_TOKEN)
                ],
            )


def _row(installation: Installation, number: int, now: datetime) -> dict[str, object]:
    return {
        "id": _id(number),
        "tenant_id": DEFAULT_TENANT_ID,
        "provider": PROVIDER,
        "app_credentials_id": APP,
        "way": "authorization_code",
        "state": "connected",
        "scopes_asked": [],
        "parameters": {},
        "kept": {},
        "version": 1,
        "failures": 0,
        "access_expires_at": now + LIFE,
        "refresh_at": _refresh_at(installation, now),
        "scheduled_at": now,
        "connected_at": now,
        "created_at": now,
        "updated_at": now,
    }


def _refresh_at(installation: Installation, now: datetime) -> datetime:
    entry = installation.provider(PROVIDER)
    assert entry is not None
    assert entry.oauth is not None
    at = refresh_at(
        entry.oauth, now=now, expires_at=now + LIFE, is_renewable=True, keeps_alive=True, chance=random.random()
    )
    assert at is not None
    return at


def _secret(installation: Installation, owner_id: str, field: str, value: str, now: datetime) -> dict[str, object]:
    named = {"tenant_id": DEFAULT_TENANT_ID, "owner_id": owner_id, "field": field}
    sealed = vault.seal_entry(
        installation.keyring, tenant_id=DEFAULT_TENANT_ID, owner_id=owner_id, field=field, value=value
    )
    return {**named, "sealed_value": sealed, "updated_at": now}


def _id(number: int) -> str:
    return f"conn_{number:0>26}"


@contextmanager
def _provider() -> Iterator[_Provider]:
    server = _Provider()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
