"""The management API: whether lists and searches stay as quick in a large journal, what a change costs, and what asking
all the time takes from ingest.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from urllib.parse import urlencode

from benchmarks.databases import empty_database, settle
from benchmarks.ingest import WARM_UP_SECONDS, GatewayIngest
from benchmarks.load import LoadProfile, percentile
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import BenchmarkFailed, Children, LoadRun
from benchmarks.references import create_tables
from benchmarks.report import Row, Target
from benchmarks.servers import GatewayUnderTest, gateway_under_test, start_reference, start_sink
from benchmarks.varied_journal import COMMON, NEEDLE, SOURCES, TYPES, fill_journal
from gateway.config import Settings
from gateway.delivery.event_status import EventStatus, unrouted
from gateway.events.blocks.build import BlockBuilder
from gateway.installation import Installation
from gateway.tenants.acting import act
from gateway.tenants.api_keys.management import KeyDraft, create_key
from gateway.tenants.audit import Actor, ActorKind

SMALL_ROWS = 1_000
LISTS_TARGET = Target(1.5, at_most=True)
NEEDLE_TARGET = Target(1_000, at_most=True)
INSERT_TARGET = Target(3.0, at_most=True)
INGEST_TARGET = Target(0.9)
ASKING_CLIENTS = 8
# What it takes to start a process of clients, and a web process to load the API, is no part of what asking takes.
STARTING_SECONDS = 2.0
HOUR_AGO = "an hour ago"
LISTS: Sequence[Mapping[str, str]] = (
    {},
    *({"source": source} for source in (SOURCES[0], SOURCES[-1])),
    *({"type": type_} for type_ in (TYPES[0], TYPES[7], TYPES[-1])),
    {"type": "order.*"},
    {"source": SOURCES[1], "type": TYPES[2]},
    *({"status": status.value} for status in EventStatus),
    {"until": HOUR_AGO},
    {"q": COMMON},
    {"q": f"{COMMON} sku", "source": SOURCES[2]},
)
API = "/api/v1"
NO_LIMIT = {"GATEWAY_API_REQUESTS_PER_MINUTE": "0"}


class Caller:
    """One connection that is kept, with a key."""

    def __init__(self, port: int, key: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def get(self, path: str) -> float:
        """How many milliseconds the answer took. Raises `BenchmarkFailed` unless it is a 200."""
        return self._ask("GET", path, None)

    def post(self, path: str, document: object) -> float:
        """The same for a change that is answered 200 or 201."""
        return self._ask("POST", path, json.dumps(document).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> float:
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        began = time.perf_counter()
        self._connection.request(method, path, body=body, headers=headers)
        answer = self._connection.getresponse()
        said = answer.read()
        took_ms = (time.perf_counter() - began) * 1000
        if answer.status not in (200, 201):
            raise BenchmarkFailed(f"{method} {path} was answered {answer.status}: {said[:300]!r}")
        return took_ms


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [row for kind in options.databases for row in (*_lists(kind, options), *_changes(kind, options))]


def _lists(kind: str, options: Options) -> Sequence[Row]:
    with workplace() as (outer, directory), ExitStack() as databases:
        sink = start_sink(outer, directory)
        callers: dict[str, Caller] = {}
        for name, rows in (("small", SMALL_ROWS), ("large", options.rows)):
            subject = databases.enter_context(gateway_under_test(name, kind, directory, sink.url))
            _fill(subject, rows, f"api {kind}, {name}")
            children = databases.enter_context(Children())
            callers[name] = _caller(children, subject)
        p95s: dict[str, list[float]] = {"small": [], "large": []}
        needles: list[float] = []
        for number in range(options.runs + 1):
            took: dict[str, list[float]] = {"small": [], "large": []}
            slowest: tuple[float, str] = (0.0, "")
            for query in LISTS:
                for name, caller in callers.items():
                    samples = [caller.get(_path(query)) for _ in range(5)]
                    took[name] += samples
                    slowest = max(slowest, (percentile(sorted(samples), 50), f"{name} {dict(query)}"))
            # The first round only warms up.
            if number:
                for name in callers:
                    p95s[name].append(percentile(sorted(took[name]), 95))
                needles.append(callers["large"].get(_path({"q": NEEDLE})))
                progress(
                    f"api {kind} run {number}: p95 small {p95s['small'][-1]:.0f} ms, large {p95s['large'][-1]:.0f} ms, "
                    f"a word of one event {needles[-1]:.0f} ms; slowest {slowest[1]} {slowest[0]:.0f} ms"
                )
        rows_shown = f"{options.rows:,}".replace(",", " ")
        return (
            Row(
                f"lists and searches p95, {rows_shown} events ÷ 1 000",
                kind,
                "ms",
                p95s["large"],
                p95s["small"],
                LISTS_TARGET,
            ),
            Row(f"a word of one of {rows_shown} events", kind, "ms", needles, target=NEEDLE_TARGET),
        )


def _changes(kind: str, options: Options) -> Sequence[Row]:
    with workplace() as (outer, directory), ExitStack() as databases:
        sink = start_sink(outer, directory)
        subject = databases.enter_context(gateway_under_test("gateway", kind, directory, sink.url))
        bare_url = databases.enter_context(empty_database(kind, directory))
        create_tables(bare_url)
        children = databases.enter_context(Children())
        gateway = GatewayIngest(children, replace(subject, variables=subject.variables | NO_LIMIT), options)
        key = _key(subject)
        app = f"benchmarks.references:bare_insert({bare_url!r})"
        bare = start_reference(children, "bare", app, directory, workers=options.workers)
        changing, inserting = Caller(gateway.web.port, key), Caller(bare.port)
        rates: dict[str, list[float]] = {"alone": [], "asked": []}
        costs: dict[str, list[float]] = {"gateway": [], "bare": []}
        gateway.run(WARM_UP_SECONDS)
        # What PostgreSQL does by itself within a minute; without, it takes the tables for empty and reads all of them.
        settle(subject.database_url)
        for number in range(options.runs):
            costs["gateway"].append(_median(changing, f"{API}/sources", f"run{number}"))
            costs["bare"].append(_median(inserting, "/", f"run{number}"))
            rates["alone"].append(gateway.run(options.seconds).rate)
            with _asking(children, gateway.web.port, key, options):
                rates["asked"].append(gateway.run(options.seconds).rate)
            progress(
                f"api {kind} run {number + 1}: source {costs['gateway'][-1]:.1f} ms, bare {costs['bare'][-1]:.1f} ms; "
                f"ingest {rates['alone'][-1]:.0f}/s, beside the API {rates['asked'][-1]:.0f}/s"
            )
        return (
            Row("adding a source ÷ a bare insert", kind, "ms", costs["gateway"], costs["bare"], INSERT_TARGET),
            Row("ingest beside the API ÷ alone", kind, "/s", rates["asked"], rates["alone"], INGEST_TARGET),
        )


def _median(caller: Caller, path: str, name: str) -> float:
    samples = [
        caller.post(path, {"slug": f"{name}-{number}", "provider": "github", "generate_secret": True})
        for number in range(40)
    ]
    return percentile(sorted(samples), 50)


@contextmanager
def _asking(children: Children, port: int, key: str, options: Options) -> Iterator[None]:
    """Clients that list events as fast as they are answered, while the block runs."""
    headers = {"Authorization": f"Bearer {key}"}
    seconds = options.seconds + STARTING_SECONDS + 1
    run = LoadRun(children, LoadProfile(port, f"{API}/events", seconds, ASKING_CLIENTS, signed=False, headers=headers))
    time.sleep(STARTING_SECONDS)
    yield
    progress(f"{run.result().rate:.0f} API requests/s beside the ingest")


def _path(query: Mapping[str, str]) -> str:
    hour_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
    given = {name: hour_ago if value == HOUR_AGO else value for name, value in query.items()}
    return f"{API}/events?{urlencode(given)}"


def _fill(subject: GatewayUnderTest, rows: int, what: str) -> None:
    fill_journal(subject.database_url, rows)
    # As in a journal that grew: without statistics each block would be built by reading all deliveries.
    settle(subject.database_url)
    progress(f"{what}: {rows} events")
    with _opened(subject) as installation:
        builder = BlockBuilder(installation.database, installation.clock, unrouted)
        while builder.step():
            pass
    settle(subject.database_url)
    progress(f"{what}: their blocks")


def _caller(children: Children, subject: GatewayUnderTest) -> Caller:
    web = replace(subject, variables=subject.variables | NO_LIMIT).start_web(children, workers=1)
    return Caller(web.port, _key(subject))


def _key(subject: GatewayUnderTest) -> str:
    actor = Actor(ActorKind.SYSTEM, "benchmarks")
    with _opened(subject) as installation, act(installation, actor=actor, write=True) as acting:
        return create_key(acting, KeyDraft("bench", ("admin",), None)).key


@contextmanager
def _opened(subject: GatewayUnderTest) -> Iterator[Installation]:
    keys = (subject.variables["GATEWAY_ENCRYPTION_KEYS"],)
    with Installation(Settings(database_url=subject.database_url, encryption_keys=keys)) as installation:
        yield installation
