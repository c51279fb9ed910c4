"""Logins against a provider on loopback: how long the gateway itself takes from the link to the connected account.

A login is a connect session asked for by the API, its link opened, and the callback, by which the code is exchanged and
the account stored. What the provider takes for its answers is not the gateway's time.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import requests

from benchmarks.load import percentile
from benchmarks.options import Options, progress, workplace
from benchmarks.processes import BenchmarkFailed
from benchmarks.report import Row, Target
from benchmarks.servers import gateway_under_test, start_sink
from gateway.config import Settings
from gateway.installation import Installation
from gateway.oauth.app_credentials.draft import AppDraft
from gateway.oauth.app_credentials.management import add_app
from gateway.tenants.acting import act
from gateway.tenants.api_keys.management import KeyDraft, create_key
from gateway.tenants.audit import Actor, ActorKind

BENCH = Actor(ActorKind.SYSTEM, "benchmarks")
PROVIDER = "login-provider"
LOGINS, WARM_UPS = 100, 10
HOST = "127.0.0.1:8000"
"""That of the base URL which is the default: links lead there."""
TARGET = Target(40.0, at_most=True)
ENTRY = """
name: Login Provider
category: identity
oauth:
  kind: oauth2
  evidence: {{level: ours, by: [the benchmark]}}
  parameters: {{base: {{about: its URL, kind: url, default: "{url}"}}}}
  authorize: {{url: "{{base}}/authorize"}}
  token: {{url: "{{base}}/token"}}
  account: {{source: token, id: user}}
  refresh: {{style: rotating}}
  api: {{base_url: "{{base}}/api"}}
"""


class _Provider(ThreadingHTTPServer):
    """Answers token requests, each with another account; `seconds` is how long it took for all of them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seconds, self.count = 0.0, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Provider

    def do_POST(self) -> None:
        began = time.perf_counter()
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.count += 1
        said = {"access_token": "a" * 64, "refresh_token": "r" * 64, "expires_in": 3600, "user": self.server.count}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.seconds += time.perf_counter() - began

    def log_message(self, format: str, *args: object) -> None:
        return


def measure(options: Options) -> list[Row]:
    """Rows for every database."""
    return [row for kind in options.databases for row in _measure(kind, options)]


def _measure(kind: str, options: Options) -> Sequence[Row]:
    with workplace() as (children, directory), _provider() as provider:
        sink = start_sink(children, directory)
        with gateway_under_test("gateway", kind, directory, sink.url) as plain:
            entries = directory / "entries"
            entries.mkdir()
            (entries / f"{PROVIDER}.yaml").write_text(ENTRY.format(url=provider.url), encoding="utf-8")
            variables = plain.variables | {
                "GATEWAY_PROVIDERS_DIR": str(entries),
                "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "true",
            }
            key = _prepared(variables, entries)
            web = replace(plain, variables=variables).start_web(children, workers=1)
            url = f"http://127.0.0.1:{web.port}"
            for _ in range(WARM_UPS):
                _login(url, key, provider)
            medians, slow = [], []
            for number in range(options.runs):
                took = sorted(_login(url, key, provider) for _ in range(LOGINS))
                medians.append(percentile(took, 50))
                slow.append(percentile(took, 95))
                progress(f"oauth {kind} run {number + 1}: a login {medians[-1]:.1f} ms, p95 {slow[-1]:.1f} ms")
    return (
        Row("complete login, our own time", kind, "ms", medians, target=TARGET),
        Row("complete login, our own time, p95", kind, "ms", slow),
    )


def _login(url: str, key: str, provider: _Provider) -> float:
    """Milliseconds of the gateway's own."""
    headers = {"Authorization": f"Bearer {key}", "Host": HOST}
    before, began = provider.seconds, time.perf_counter()
    draft = {"app_credentials": "bench"}
    made = requests.post(f"{url}/api/v1/connect-sessions", json=draft, headers=headers, timeout=30)
    link = urlsplit(made.json()["url"])
    with requests.Session() as browser:
        browser.headers["Host"] = HOST
        left = browser.get(f"{url}{link.path}?{link.query}", allow_redirects=False, timeout=30)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(left.headers["Location"]).query).items()}
        callback = urlsplit(asked["redirect_uri"]).path
        back = browser.get(url + callback, params={"code": "c", "state": asked["state"]}, timeout=30)
    took = time.perf_counter() - began
    if back.status_code != 200 or "connected" not in back.text:
        raise BenchmarkFailed(f"a login ended with {back.status_code}: {back.text[:300]}")
    return (took - (provider.seconds - before)) * 1000


def _prepared(variables: Mapping[str, str], entries: Path) -> str:
    """An API key, where there are app credentials."""
    settings = Settings(
        database_url=variables["GATEWAY_DATABASE_URL"],
        encryption_keys=(variables["GATEWAY_ENCRYPTION_KEYS"],),
        allow_private_destinations=True,
        providers_dir=entries,
    )
    with Installation(settings) as installation, act(installation, actor=BENCH, write=True) as acting:
        add_app(acting, AppDraft("bench", PROVIDER, client_id="bench", client_secret="secret"))
        return create_key(acting, KeyDraft("bench", ("admin",), None)).key


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
