"""`gateway run` for real: it comes up, takes a signed sample, delivers, and goes down in order."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from gateway.cli.main import gateway
from gateway.db.database import Database
from tests.services.postgres import free_port
from tests.services.processes import wait_until


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def sink() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """An endpoint that takes everything, and the headers of what it got."""
    got: list[dict[str, str]] = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            got.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Take)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", got
    server.shutdown()
    thread.join()
    server.server_close()


def _environment(url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "PROMETHEUS_"))}
    return kept | {"GATEWAY_DATABASE_URL": url}


def _run(folder: Path, url: str, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gateway.cli.main", "run", "--port", str(port), "--workers", "1"]
    root = Path(__file__).parents[3]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=_environment(url) | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_the_tour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int, sink: tuple[str, list[dict[str, str]]]
) -> None:
    monkeypatch.chdir(tmp_path)
    url, got = sink
    environment = {"GATEWAY_BASE_URL": f"http://127.0.0.1:{port}"}

    def command(*arguments: str) -> str:
        result = CliRunner().invoke(gateway, arguments, env=environment)
        assert result.exit_code == 0, result.output
        return result.stdout

    running = _run(tmp_path, "sqlite:///instance/gateway.db", port)
    try:
        wait_until(lambda: _answers(port), seconds=60)
        command("sources", "add", "github", "--provider", "github", "--generate-secret")
        command("destinations", "add", "app", url)
        command("routes", "add", "--source", "github", "--to", "app")

        def is_routed() -> bool:
            sent = CliRunner().invoke(gateway, ["send", "github"], env=environment)
            return sent.exit_code == 0 and "unrouted" not in command("events", "list").splitlines()[0]

        # A change of the configuration holds within a second in every process; the source's may be seen first.
        wait_until(is_routed)
        wait_until(lambda: len(got) >= 1)
        event_id = command("events", "list").split("\t")[0]
        wait_until(lambda: "delivered" in command("events", "show", event_id))
        first = len(got)
        command("events", "replay", event_id, "--all", "--yes")
        wait_until(lambda: len(got) > first)
        assert got[0]["webhook-id"] == got[-1]["webhook-id"]
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate(timeout=60)
    finally:
        running.kill()
        running.communicate()
    assert running.returncode == 0, output
    assert f"The gateway is up: http://127.0.0.1:{port}" in output
    assert "Deliveries to private addresses are allowed" in output
    assert not _answers(port)


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running = _run(tmp_path, "sqlite:///instance/gateway.db", taken.getsockname()[1])
        output, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "choose another --port" in output
    assert "Traceback" not in output


def test_a_postgres_database_that_is_behind_is_not_served(
    tmp_path: Path, port: int, database: Database, database_url: str
) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite is migrated by `gateway run` itself")
    with database.write() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    running = _run(tmp_path, database_url, port)
    output, _ = running.communicate(timeout=60)
    assert running.returncode == 4
    assert "gateway db upgrade" in output
    assert "Traceback" not in output


def test_a_database_out_of_reach_is_told(tmp_path: Path, port: int) -> None:
    running = _run(tmp_path, "postgresql+psycopg://postgres@127.0.0.1:1/none", port)
    output, _ = running.communicate(timeout=60)
    assert running.returncode == 4
    assert "Traceback" not in output
