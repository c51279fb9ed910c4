"""What calls to external systems cost, against requests and httpx with nothing on; lists at once; memory; streams."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import httpx
import requests
import structlog

from benchmarks import streams
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import ROOT, await_http, free_port
from benchmarks.report import Row, Target
from gateway.clients.auth.base import Bearer
from gateway.clients.breaker import Breaker
from gateway.clients.client import ApiClient
from gateway.clients.limits import Rate, RateLimit
from gateway.clients.paging.styles import PageNumber
from gateway.security.ssrf import AddressPolicy

CALLS = 400
DECISIONS = 20_000
PAGES = 100
PARALLEL = 8
LATENCY_MS = 50
REQUESTS_TARGET = Target(1.25, at_most=True)
HTTPX_TARGET = Target(1.0, at_most=True)
PARALLEL_TARGET = Target(1 / 6, at_most=True)
MEMORY_TARGET = Target(30.0, at_most=True)
DECISION_TARGET = Target(5.0, at_most=True)
# In a process of its own, so that what the benchmark holds does not count.
STREAM_SCRIPT = """
import sys, psutil
from benchmarks.clients import client, listing
records = listing(client(sys.argv[1]), size=1000, of=1000, delay=0)
next(records)
process = psutil.Process()
before = most = process.memory_info().rss
count = 1
for count, _ in enumerate(records, 2):
    if count % 20_000 == 0:
        most = max(most, process.memory_info().rss)
assert count == 1_000_000, count
print((most - before) / 2**20)
"""


def client(url: str) -> ApiClient:
    """A client with everything on: credentials, a rate limit, a breaker, retries, the guard, a line a call."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    return ApiClient(
        url,
        auth=Bearer("a-token"),
        rate_limit=[Rate(1_000_000, 10)],
        allow_http=True,
        policy=AddressPolicy(allow_private=True),
    )


def listing(ours: ApiClient, *, size: int, of: int, delay: int, parallel: int = 1) -> object:
    """The records of the server's list."""
    return ours.records(
        "/pages",
        style=PageNumber(size=size, size_parameter="size"),
        records="data",
        query={"of": of, "delay": delay},
        parallel=parallel,
    )


def measure(options: Options) -> list[Row]:
    """Rows without a database."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with workplace() as (children, directory):
        server = children.start(
            "api",
            [sys.executable, "-m", "benchmarks.api_server", str(port)],
            directory=directory,
            environment=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        await_http(server, port, "/small")
        calls = [*_small(url, options.runs), _parallel(url, options.runs), _stream(url), *_decisions(options.runs)]
    return calls + streams.measure(options.runs)


def _small(url: str, runs: int) -> Sequence[Row]:
    ours, session = client(url), requests.Session()
    headers = {"Authorization": "Bearer a-token"}
    with httpx.Client() as bare:
        ways: dict[str, Callable[[], object]] = {
            "ours": lambda: ours.json("GET", "/small", query={"a": 1}),
            "requests": lambda: session.get(f"{url}/small", params={"a": 1}, headers=headers, timeout=5).json(),
            "httpx": lambda: bare.get(f"{url}/small", params={"a": 1}, headers=headers).json(),
        }
        found: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(runs):
            for name, way in ways.items():
                found[name].append(_microseconds(way, CALLS))
            progress(
                f"clients run {number + 1}: " + ", ".join(f"{name} {took[-1]:.0f} µs" for name, took in found.items())
            )
    return [
        Row("small GET ÷ requests", "–", "µs", found["ours"], found["requests"], REQUESTS_TARGET),
        Row("small GET ÷ httpx", "–", "µs", found["ours"], found["httpx"], HTTPX_TARGET),
    ]


def _parallel(url: str, runs: int) -> Row:
    ours = client(url)

    def read(parallel: int) -> float:
        began = time.perf_counter()
        records = listing(ours, size=100, of=PAGES, delay=LATENCY_MS, parallel=parallel)
        assert sum(1 for _ in records) == 100 * PAGES
        return time.perf_counter() - began

    at_once, one_by_one = [], []
    for number in range(min(runs, 3)):
        one_by_one.append(read(1))
        at_once.append(read(PARALLEL))
        progress(f"clients run {number + 1}: {PARALLEL} at once {at_once[-1]:.2f} s, one by one {one_by_one[-1]:.2f} s")
    return Row(f"{PAGES} pages, {PARALLEL} at once ÷ one by one", "–", "s", at_once, one_by_one, PARALLEL_TARGET)


def _stream(url: str) -> Row:
    command = [sys.executable, "-c", STREAM_SCRIPT, url]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    return Row("a million records, growth of memory", "–", "MB", [float(done.stdout)], target=MEMORY_TARGET)


def _decisions(runs: int) -> Sequence[Row]:
    breaker, limit = Breaker("acme"), RateLimit("acme", [Rate(1_000_000, 10)])

    def pass_breaker() -> None:
        breaker.ended(breaker.admit(), None)

    return [
        Row(
            "breaker, one call",
            "–",
            "µs",
            [_microseconds(pass_breaker, DECISIONS) for _ in range(runs)],
            target=DECISION_TARGET,
        ),
        Row(
            "rate limit, one call",
            "–",
            "µs",
            [_microseconds(limit.wait_seconds, DECISIONS) for _ in range(runs)],
            target=DECISION_TARGET,
        ),
    ]


def _microseconds(call: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times * 1e6
