"""A call through the proxy, with a connection's token, beside the same call by bare `requests`."""

from __future__ import annotations

import http.client
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import requests

from benchmarks.load import percentile
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import BenchmarkFailed, await_http, free_port
from benchmarks.report import Row, Target
from benchmarks.servers import ROOT, gateway_under_test, start_sink
from gateway.config import Settings
from gateway.installation import Installation
from gateway.oauth.adding.draft import ConnectionDraft
from gateway.oauth.adding.management import add_connection
from gateway.tenants.acting import act
from gateway.tenants.api_keys.management import KeyDraft, create_key
from gateway.tenants.audit import Actor, ActorKind

BENCH = Actor(ActorKind.SYSTEM, "benchmarks")
PROXY_CALLS = 400
PROXY_CLIENTS = 8
RATE_TARGET = Target(0.5)
FIRST_BYTE_TARGET = Target(3.0, at_most=True)
ENTRY = """\
name: A system on loopback
category: other
docs: the benchmarks
evidence: {{level: docs, by: [the benchmarks]}}
api:
  base_url: http://127.0.0.1:{port}
  docs: the benchmarks
  credential: {{kind: bearer}}
"""


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [row for kind in options.databases for row in _proxy(kind, options)]


def _proxy(kind: str, options: Options) -> Sequence[Row]:
    """Calls through one process of the gateway beside bare ones: their rate, and the time to the first byte."""
    port = free_port()
    with workplace() as (children, directory):
        sink = start_sink(children, directory)
        server = children.start(
            "api",
            [sys.executable, "-m", "benchmarks.api_server", str(port)],
            directory=directory,
            environment=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        await_http(server, port, "/small")
        with gateway_under_test("gateway", kind, directory, sink.url) as plain:
            entries = directory / "entries"
            entries.mkdir()
            (entries / "loopback.yaml").write_text(ENTRY.format(port=port), encoding="utf-8")
            variables = plain.variables | {
                "GATEWAY_PROVIDERS_DIR": str(entries),
                "GATEWAY_API_REQUESTS_PER_MINUTE": "0",
                "GATEWAY_WEB_THREADS": str(2 * PROXY_CLIENTS),
            }
            subject = replace(plain, variables=variables)
            key, connection_id = _proxied(subject.variables, entries)
            web = subject.start_web(children, workers=1)
            path = f"/api/v1/connections/{connection_id}/proxy/large"
            return _compared(kind, options, (web.port, path, {"Authorization": f"Bearer {key}"}), port)


def _compared(kind: str, options: Options, ours: tuple[int, str, Mapping[str, str]], port: int) -> Sequence[Row]:
    ways: dict[str, Callable[[], float]] = {
        "proxy": _caller(*ours),
        "bare": _caller(port, "/large", {"Authorization": "Bearer a-key"}),
    }
    rates: dict[str, list[float]] = {"proxy": [], "bare": []}
    added: list[float] = []
    for call in ways.values():
        _many(call, PROXY_CLIENTS * 5)
    for number in range(options.runs):
        for name, call in ways.items():
            rates[name].append(_many(call, PROXY_CALLS))
        first = {name: sorted(call() for _ in range(PROXY_CALLS // 4)) for name, call in ways.items()}
        added.append(percentile(first["proxy"], 50) - percentile(first["bare"], 50))
        progress(
            f"oauth {kind} run {number + 1}: proxy {rates['proxy'][-1]:.0f}/s, bare {rates['bare'][-1]:.0f}/s, "
            f"first byte + {added[-1]:.2f} ms"
        )
    return (
        Row("proxy, 4 KB answers ÷ bare requests", kind, "/s", rates["proxy"], rates["bare"], RATE_TARGET),
        Row("proxy, first byte later by", kind, "ms", added, target=FIRST_BYTE_TARGET),
    )


def _caller(port: int, path: str, headers: Mapping[str, str]) -> Callable[[], float]:
    """A call by bare `requests`; how many milliseconds its first byte took."""
    sessions = requests.Session()
    sessions.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=2 * PROXY_CLIENTS))
    url = f"http://127.0.0.1:{port}{path}"

    def call() -> float:
        began = time.perf_counter()
        answer = sessions.get(url, headers=dict(headers), stream=True, timeout=30)
        took_ms = (time.perf_counter() - began) * 1000
        if answer.status_code != http.client.OK or len(answer.content) != 4096:
            raise BenchmarkFailed(f"{path} was answered {answer.status_code}: {answer.content[:200]!r}")
        return took_ms

    return call


def _many(call: Callable[[], float], times: int) -> float:
    """Calls a second, by several threads."""
    with ThreadPoolExecutor(PROXY_CLIENTS) as threads:
        began = time.perf_counter()
        list(threads.map(lambda _: call(), range(times)))
        return times / (time.perf_counter() - began)


def _proxied(variables: Mapping[str, str], entries: Path) -> tuple[str, str]:
    """An API key, and a connection to the system on loopback."""
    settings = Settings(
        database_url=variables["GATEWAY_DATABASE_URL"],
        encryption_keys=(variables["GATEWAY_ENCRYPTION_KEYS"],),
        allow_private_destinations=True,
        providers_dir=entries,
    )
    with Installation(settings) as installation:
        draft = ConnectionDraft(provider="loopback", values={"key": "a-key"}, is_tested=False)

        def begin(*, write: bool = True):  # type: ignore[no-untyped-def]
            return act(installation, actor=BENCH, write=write)

        connection_id = add_connection(begin, draft).connection.id
        with act(installation, actor=BENCH, write=True) as acting:
            return create_key(acting, KeyDraft("bench", ("admin",), None)).key, connection_id
