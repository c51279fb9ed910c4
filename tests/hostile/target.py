"""A gateway of one web process that is attacked, and what it costs it; somebody honest sends all the while."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import psutil

from tests.hostile.attacks import MEGABYTE, Attack
from tests.services.gateway_process import Installation
from tests.services.github_sender import SOURCE, signed
from tests.services.raw_http import connected, post, read_answer
from tests.services.waiting import until

PAUSE_SECONDS = 0.01
SETTINGS = {
    # So that little suffices to spend it.
    "GATEWAY_REQUEST_BUDGET_BYTES": str(16 * MEGABYTE),
    "GATEWAY_MAX_BODY_BYTES": "2000000",
}


class Honest:
    """Sends one signed event after the other on one connection; `seconds` is how long each took."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.seconds: list[float] = []
        self.faults: list[str] = []

    def __enter__(self) -> Honest:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def p99_ms(self) -> float:
        return statistics.quantiles(self.seconds, n=100)[98] * 1000 if len(self.seconds) > 1 else 0.0

    def _send(self) -> None:
        name = f"{time.monotonic_ns()}"
        with connected(self._port) as connection:
            while not self._stop.is_set():
                body = b'{"number": %d}' % len(self.seconds)
                before = time.perf_counter()
                connection.sendall(post("/webhooks/github", signed(body, f"{name}-{len(self.seconds)}"), body))
                answer = read_answer(connection)
                self.seconds.append(time.perf_counter() - before)
                if answer is None or answer.status != 200:
                    self.faults.append(f"an honest event was answered {answer and answer.status}")
                    return
                self._stop.wait(PAUSE_SECONDS)


class Target:
    """The web process of an installation."""

    def __init__(self, installation: Installation, process: psutil.Process) -> None:
        self._process = process
        self.port = installation.port
        self.quiet_megabytes = self.settled_megabytes()

    def megabytes(self) -> float:
        """Its resident memory."""
        return float(self._process.memory_info().rss) / MEGABYTE

    def settled_megabytes(self) -> float:
        """The same after a while in which it serves a few honest events."""
        with Honest(self.port) as honest:
            until(lambda: len(honest.seconds) >= 50 or honest.faults, "honest events")
        return self.megabytes()

    def suffer(self, attack: Attack, random: Random) -> tuple[list[str], Honest]:
        """What was wrong with the gateway under `attack`, and how honest events went meanwhile."""
        memory, cpu = self.megabytes(), self._cpu_seconds()
        self._forget_peak()
        with Honest(self.port) as honest:
            heard = attack.run(self.port, random)
        grown, spent = self._peak_megabytes() - memory, self._cpu_seconds() - cpu
        # Honest events cost too.
        spent -= 0.002 * len(honest.seconds)
        faults = list(honest.faults)
        if not set(heard) <= attack.statuses:
            faults.append(f"it was answered {sorted(set(heard) - attack.statuses)}")
        if grown > attack.megabytes:
            faults.append(f"the process grew by {grown:.0f} MB, more than {attack.megabytes:g}")
        if spent > attack.cpu_seconds:
            faults.append(f"the process spent {spent:.1f} s, more than {attack.cpu_seconds:g}")
        if not self._process.is_running():
            faults.append("the process died")
        return faults, honest

    def _cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def _forget_peak(self) -> None:
        # proc(5): 5 sets the peak of the resident memory to what it is now.
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def _peak_megabytes(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024


@contextmanager
def target(directory: Path) -> Iterator[Target]:
    """A gateway that is up."""
    with Installation(directory, GATEWAY_LOG_LEVEL="error", **SETTINGS) as installation:
        installation.gateway("db", "upgrade")
        installation.apply(sources=[SOURCE])
        program = installation.web("--workers", "1")
        (worker,) = psutil.Process(program.pid).children()
        yield Target(installation, worker)
        assert "Traceback" not in program.log(), program.log()
