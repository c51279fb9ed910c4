"""The supervisor with real processes: restarts, order, deadlines, and dying with its children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.cli.supervisor import Program, Supervisor
from gateway.clock import SystemClock
from tests.services.processes import is_alive, wait_until

Start = Callable[..., tuple[subprocess.Popen[str], int, int]]

SCRIPT = """
import os, sys
from pathlib import Path
from gateway.cli.supervisor import Program, Supervisor
from gateway.clock import SystemClock

folder = Path(sys.argv[1])
def program(name, code, **options):
    return Program(name, [sys.executable, "-c", code.replace("FOLDER", repr(str(folder)))], **options)
WAIT = '''
import os, pathlib, signal, sys, threading
folder = pathlib.Path(FOLDER)
stop = threading.Event()
def note(*_):
    with open(folder / "order", "a") as file:
        file.write("NAME\\\\n")
    stop.set()
signal.signal(signal.SIGTERM, note)
(folder / "NAME.pid").write_text(str(os.getpid()))
stop.wait()
'''
STUBBORN = WAIT.replace("signal.SIGTERM, note", "signal.SIGTERM, signal.SIG_IGN")
worker = {"stubborn": STUBBORN}.get(sys.argv[2], WAIT)
sys.exit(Supervisor(
    [
        program("web", WAIT.replace("NAME", "web"), stop_seconds=20, must_start=True),
        program("worker", worker.replace("NAME", "worker"), stop_seconds=20 if worker is WAIT else 0.5),
    ],
    SystemClock(),
    tell=lambda line: print(line, file=sys.stderr, flush=True),
).run())
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin(kind: str = "plain") -> tuple[subprocess.Popen[str], int, int]:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(tmp_path), kind], stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        pids = [_pid(tmp_path / f"{name}.pid") for name in ("web", "worker")]
        return process, pids[0], pids[1]

    yield begin
    for process in started:
        process.kill()
        # Children that should have died with it would hold its stderr open.
        for path in tmp_path.glob("*.pid"):
            with suppress(ProcessLookupError):
                os.kill(int(path.read_text()), signal.SIGKILL)
        process.communicate()


def _pid(path: Path) -> int:
    wait_until(lambda: path.exists() and path.read_text().isdigit())
    return int(path.read_text())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_order(start: Start, tmp_path: Path, number: int) -> None:
    supervisor, web, worker = start()
    supervisor.send_signal(number)
    assert supervisor.wait(30) == 0
    assert (tmp_path / "order").read_text().split() == ["web", "worker"]
    assert not is_alive(web)
    assert not is_alive(worker)


def test_what_does_not_end_in_time_is_killed(start: Start) -> None:
    supervisor, _, worker = start("stubborn")
    supervisor.terminate()
    assert supervisor.wait(30) == 1
    assert not is_alive(worker)


def test_a_worker_that_dies_is_started_again(start: Start, tmp_path: Path) -> None:
    supervisor, web, worker = start()
    (tmp_path / "worker.pid").unlink()
    os.kill(worker, signal.SIGKILL)
    assert _pid(tmp_path / "worker.pid") != worker
    assert is_alive(web)
    supervisor.terminate()
    assert supervisor.wait(30) == 0
    assert supervisor.stderr is not None
    assert "worker ended by SIGKILL; starting it again" in supervisor.stderr.read()


def test_a_web_that_is_killed_is_started_again(start: Start, tmp_path: Path) -> None:
    supervisor, web, worker = start()
    (tmp_path / "web.pid").unlink()
    os.kill(web, signal.SIGKILL)
    assert _pid(tmp_path / "web.pid") != web
    assert is_alive(worker)
    supervisor.terminate()
    assert supervisor.wait(30) == 0


def test_the_end_of_the_web_is_the_end_of_all(start: Start) -> None:
    supervisor, web, worker = start()
    # It ends in order, with exit code 0.
    os.kill(web, signal.SIGTERM)
    assert supervisor.wait(30) == 1
    assert not is_alive(worker)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
@pytest.mark.faults
def test_children_die_with_a_killed_supervisor(start: Start) -> None:
    supervisor, web, worker = start()
    supervisor.kill()
    wait_until(lambda: not is_alive(web) and not is_alive(worker))


def test_a_program_that_cannot_start_is_not_hammered() -> None:
    told: list[str] = []

    class Steps(SystemClock):
        """Ends the supervisor after a while."""

        def monotonic(self) -> float:
            if len(told) == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().monotonic()

    broken = Program("worker", [sys.executable, "-c", "raise SystemExit(3)"], 5)
    assert Supervisor([broken], Steps(), tell=told.append).run() == 0
    assert told[:2] == [
        "worker ended with exit code 3; starting it again in 1 s",
        "worker ended with exit code 3; starting it again in 2 s",
    ]


BECOME = """
import os, signal, sys
from gateway.cli.supervision import Plan, become_supervisor, hold_signals
from gateway.cli.supervisor import Program

sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
plan = Plan([Program("web", sleep, 20, must_start=True)], "127.0.0.1", 1, ["up"], [sys.argv[1]])
hold_signals()
os.kill(os.getpid(), int(sys.argv[2]))
become_supervisor(plan, os.environ)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_while_it_becomes_the_supervisor_stops_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    command = [sys.executable, "-c", BECOME, str(shared), str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "gateway run: stopping; Ctrl-C again stops at once\n"
    assert not shared.exists()


def test_who_only_waits_has_loaded_next_to_nothing() -> None:
    code = "import sys, gateway.cli.supervision; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "gateway.cli.supervisor" in loaded
    assert loaded & {"click", "sqlalchemy", "cryptography", "http.client", "ssl", "dotenv", "yaml", "asyncio"} == set()
