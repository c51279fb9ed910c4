"""gunicorn with our settings, for real: hostile headers, counts of several processes, killed workers, cores, logs.

The application here is a small one of the test's own: what is under test is gunicorn.conf.py and telemetry.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

from tests.services.postgres import free_port

ROOT = Path(__file__).parents[2]
APPLICATION = """
import json, os
from gateway.config import load_settings
from gateway.telemetry.exposition import render_metrics
from gateway.telemetry.logging import get_logger
from gateway.telemetry.metrics import Metrics

settings = load_settings()
metrics = Metrics(settings.metrics_dir)
get_logger("test").info("application loaded")


def app(environ, start_response):
    if environ["PATH_INFO"] == "/metrics":
        rendered = render_metrics(metrics, metrics_dir=settings.metrics_dir)
        start_response("200 OK", [("Content-Type", rendered.content_type)])
        return [rendered.body]
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("Bearer abcdefghijklmnop")
    metrics.received("github")
    body = json.dumps({
        "pid": os.getpid(),
        "cores": sorted(os.sched_getaffinity(0)),
        "scheme": environ["wsgi.url_scheme"],
        "header": len(environ.get("HTTP_X_BIG", "")),
        "metrics_dir": str(settings.metrics_dir),
    }).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
"""
HEAD = b"GET / HTTP/1.1\r\nHost: gateway\r\n"


class WebServer:
    """A running gunicorn with two workers, and what it logged so far."""

    def __init__(self, directory: Path) -> None:
        (directory / "wsgi.py").write_text(APPLICATION)
        self.port = free_port()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "--config",
                ROOT / "gunicorn.conf.py",
                "--bind",
                f"127.0.0.1:{self.port}",
                # The event-loop host is tried with the gateway itself, by the acceptance tests.
                "--worker-class",
                "gthread",
                "wsgi:app",
            ],
            cwd=directory,
            env={"PYTHONPATH": f"{directory}:{ROOT}", "PATH": os.environ["PATH"], "GATEWAY_LOG_FORMAT": "json"},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.log: list[dict[str, str]] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,))
        self._reader.start()

    def _read(self, stderr: IO[str]) -> None:
        for line in stderr:
            with self._news:
                self.log.append(json.loads(line))
                self._news.notify_all()

    def wait_for_log(self, text: str, *, times: int = 1) -> None:
        with self._news:
            seen = self._news.wait_for(lambda: sum(text in line["message"] for line in self.log) >= times, timeout=60)
        assert seen, f"{text!r} was not logged {times} times: {self.log}"

    def get(self, path: str = "/", headers: dict[str, str] | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers=headers or {})
            return connection.getresponse().read()
        finally:
            connection.close()

    def facts(self, headers: dict[str, str] | None = None) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.get(headers=headers))
        return found

    def status(self, raw: bytes) -> int:
        """The status of the answer to `raw`, sent as it is."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(raw)
            return int(connection.makefile("rb").readline().split()[1])

    def workers(self) -> list[int]:
        """The process ids of the living workers."""
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def received(self) -> float:
        line = next(
            line for line in self.get("/metrics").decode().splitlines() if line.startswith("gateway_received_t")
        )
        return float(line.split()[-1])

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(timeout=40)
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(tmp_path)
    try:
        server.wait_for_log("application loaded", times=2)
        yield server
    finally:
        server.stop()


def test_headers_within_the_limits_reach_the_application(server: WebServer) -> None:
    assert server.facts({"X-Big": "a" * 65_536})["header"] == 65_536
    assert server.status(HEAD + b"".join(b"X-%d: a\r\n" % number for number in range(99)) + b"\r\n") == 200


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (HEAD + b"X-Big: " + b"a" * 200_000 + b"\r\n\r\n", {431}),
        (HEAD + b"".join(b"X-%d: junk\r\n" % number for number in range(10_000)) + b"\r\n", {400, 431}),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: gateway\r\n\r\n", {414}),
        (HEAD + b"X-Nul: a\x00b\r\n\r\n", {400}),
        (HEAD + b"No colon\r\n\r\n", {400}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
    ],
    ids=["long", "many", "line", "nul", "colon", "tls"],
)
def test_headers_beyond_the_limits_are_answered(server: WebServer, raw: bytes, status: set[int]) -> None:
    assert server.status(raw) in status
    assert server.facts()["pid"]


def test_forwarded_headers_mean_nothing_to_gunicorn(server: WebServer) -> None:
    assert server.facts({"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on"})["scheme"] == "http"


def test_workers_have_cores_of_their_own_also_after_a_death(server: WebServer) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core only")
    for booted in (2, 3, 4):
        server.wait_for_log("application loaded", times=booted)
        first, second = (os.sched_getaffinity(pid) for pid in server.workers())
        assert len(first) == len(second) == 1
        assert first != second
        os.kill(server.workers()[booted % 2], signal.SIGKILL)


def test_workers_share_the_memory_of_what_is_loaded(server: WebServer) -> None:
    for pid in server.workers():
        memory = psutil.Process(pid).memory_full_info()
        assert memory.uss < memory.rss / 4, f"of {memory.rss} bytes {memory.uss} are its own"


def test_counts_of_all_workers_are_one_and_survive_them(server: WebServer) -> None:
    for asleep in server.workers():
        # So that the other one answers.
        os.kill(asleep, signal.SIGSTOP)
        for _ in range(10):
            assert server.facts()["pid"] != asleep
        os.kill(asleep, signal.SIGCONT)
    assert server.received() == 20
    for pid in server.workers():
        os.kill(pid, signal.SIGKILL)
    server.wait_for_log("application loaded", times=4)
    server.facts()
    assert server.received() == 21


def test_an_orderly_end_takes_the_metrics_along(server: WebServer) -> None:
    directory = Path(str(server.facts()["metrics_dir"]))
    assert list(directory.glob("counter_*.db"))
    assert server.stop() == 0
    assert not directory.exists()


def test_its_log_is_ours(server: WebServer) -> None:
    assert b"Internal Server Error" in server.get("/fail")
    server.wait_for_log("Error handling request")
    failure = next(line for line in server.log if "Error handling request" in line["message"])
    assert failure["logger"] == "gunicorn.error"
    assert "ValueError: Bearer [redacted]" in failure["exception"]
    assert not any("abcdefghijklmnop" in json.dumps(line) for line in server.log)
