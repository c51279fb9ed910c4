"""Both hosts, the event loop and gunicorn's threads: kills and reloads in a burst, and HTTP's corners."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import psutil
import pytest

from tests.services.gateway_process import ROOT, Installation
from tests.services.github_sender import GithubSender, signed
from tests.services.raw_http import connected, post, read_answer
from tests.services.sink_thread import SinkThread, sink_thread
from tests.services.tables import Tables
from tests.services.waiting import until

from .burst import require_nothing_lost, route_to

HOSTS = {"loop": (), "threads": ("--worker-class", "gthread", "--threads", "8", "wsgi:app")}
PATH = "/webhooks/github"

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module", params=HOSTS)
def host(request: pytest.FixtureRequest) -> Sequence[str]:
    """What gunicorn is told for it."""
    return HOSTS[request.param]


# Each host and each database; which of them meet makes no difference to either.
each_host_on_one_database = pytest.mark.parametrize(
    ("host", "database_url"),
    [("loop", "sqlite"), pytest.param("threads", "postgres", marks=pytest.mark.postgres)],
    indirect=True,
)


def web_workers(master: int) -> list[int]:
    return [child.pid for child in psutil.Process(master).children()]


@pytest.mark.parametrize(
    ("host", "database_url"), [pytest.param("threads", "postgres", marks=pytest.mark.postgres)], indirect=True
)
def test_web_processes_killed_in_a_burst(
    installation: Installation, sink: SinkThread, tables: Tables, host: Sequence[str]
) -> None:
    """Of the event loop's, `test_kills` does so."""
    route_to(installation, sink)
    program = installation.web(*host)
    installation.start("worker")
    sender = GithubSender(installation.port)
    with sender.sending():
        for _ in range(3):
            sender.wait_for(200)
            for pid in web_workers(program.pid):
                os.kill(pid, signal.SIGKILL)
        sender.wait_for(200)
    assert sender.answers[0], "nothing was killed in the middle of a request"
    require_nothing_lost(sender, sink, tables)


@each_host_on_one_database
def test_reloaded_in_a_burst(installation: Installation, sink: SinkThread, tables: Tables, host: Sequence[str]) -> None:
    route_to(installation, sink)
    program = installation.web(*host)
    installation.start("worker")
    sender = GithubSender(installation.port)
    with sender.sending():
        for _ in range(2):
            sender.wait_for(200)
            before = set(web_workers(program.pid))
            os.kill(program.pid, signal.SIGHUP)
            until(lambda old=before: not old & set(web_workers(program.pid)), program.log)  # type: ignore[misc]
        sender.wait_for(200)
    # No request is refused. A connection may end between two requests, which senders know how to deal with.
    assert set(sender.answers) <= {0, 200}, sender.answers
    assert sender.answers[0] <= 2 * 8 * 2, sender.answers
    assert "Traceback" not in program.log()
    require_nothing_lost(sender, sink, tables)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_never_sends_a_whole_header_is_dropped(installation: Installation) -> None:
    impatient = installation.directory / "impatient.conf.py"
    impatient.write_text(
        "from gateway.server.host import connection\n"
        "connection.FIRST_REQUEST_SECONDS = 0.3\n"
        f"exec(compile(open({str(ROOT / 'gunicorn.conf.py')!r}).read(), 'gunicorn.conf.py', 'exec'))\n"
    )
    installation.web("--config", str(impatient))
    with ExitStack() as stack:
        silent, halfway, used = (stack.enter_context(connected(installation.port)) for _ in range(3))
        halfway.sendall(b"POST /webhooks/github HTTP/1.1\r\nHost: gate")
        used.sendall(b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n")
        first = read_answer(used)
        assert (silent.recv(1), halfway.recv(1)) == (b"", b"")
        # One that has asked before may take its time.
        used.sendall(b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n")
        second = read_answer(used)
    assert [answer and answer.status for answer in (first, second)] == [200, 200]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, host: Sequence[str]) -> Iterator[Installation]:
    with sink_thread() as sink, Installation(tmp_path_factory.mktemp("installation")) as installation:
        installation.environment["GATEWAY_ALLOW_PRIVATE_DESTINATIONS"] = "true"
        installation.gateway("db", "upgrade")
        route_to(installation, sink)
        installation.web(*host)
        yield installation


class TestHttp:
    """HTTP's corners, the same whatever database is behind: one gateway per host, on SQLite."""

    @pytest.fixture
    def port(self, served: Installation) -> int:
        return served.port

    def test_requests_in_a_row_on_one_connection_are_answered_in_order(self, port: int) -> None:
        bodies = [json.dumps({"number": number}).encode() for number in range(20)]
        requests = [post(PATH, signed(body, f"row-{number}"), body) for number, body in enumerate(bodies)]
        with connected(port) as connection:
            connection.sendall(b"".join(requests))
            stream = connection.makefile("rb")
            ids = []
            for _ in requests:
                assert stream.readline().split()[1] == b"200"
                headers = dict(line.lower().split(b": ", 1) for line in iter(stream.readline, b"\r\n"))
                ids.append(json.loads(stream.read(int(headers[b"content-length"])))["event_id"])
        assert ids == sorted(set(ids))

    def test_a_sender_that_asks_first_is_told_to_go_on(self, port: int) -> None:
        body = b'{"ref": "main"}'
        head, _ = post(PATH, signed(body, "asks-first") | {"Expect": "100-continue"}, body).split(b"\r\n\r\n", 1)
        with connected(port) as connection:
            connection.sendall(head + b"\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 100")
            connection.sendall(body)
            answer = read_answer(connection)
        assert answer is not None
        assert (answer.status, answer.json()["status"]) == (200, "accepted")

    def test_answers_to_head_have_no_body(self, port: int) -> None:
        with connected(port) as connection:
            connection.sendall(f"HEAD {PATH} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 401")
        assert answer.endswith(b"\r\n\r\n")

    def test_who_leaves_before_the_answer_is_no_fault(self, served: Installation) -> None:
        for number in range(50):
            body = json.dumps({"number": number}).encode()
            with connected(served.port) as connection:
                # Reset instead of an orderly end.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.sendall(post(PATH, signed(body, f"leaves-{number}"), body))
        until(lambda: served.request("POST", PATH, b"{}", signed(b"{}", "last")).status == 200, "still there")
        for log in served.directory.glob("web-*.log"):
            assert "Traceback" not in log.read_text()
