"""The processes that a benchmark starts, and their end: every one is ended by its id, also on Ctrl-C.

What runs in them is the matter of `servers`.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.load import LoadProfile, Result

ROOT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 30.0
START_SECONDS = 30.0
LOG_TAIL = 2000


class BenchmarkFailed(Exception):
    """A figure would be wrong: a process died, an answer was no 200, or rows are missing."""


class Child:
    """A process with a log of its own."""

    def __init__(self, name: str, arguments: Sequence[str], directory: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = directory / f"{name}.log"
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the benchmark alone, which then ends its children in order.
            self.process = subprocess.Popen(
                arguments,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def require_alive(self) -> None:
        """Raises `BenchmarkFailed` with the end of the log when the process has ended."""
        status = self.process.poll()
        if status is not None:
            raise BenchmarkFailed(f"{self.name} ended with status {status}:\n{self.tail()}")

    def tail(self) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-LOG_TAIL:]

    def stop(self) -> None:
        """End the process in order, or by force after half a minute. Idempotent."""
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Children(ExitStack):
    """Starts children; leaving the block ends them, the last one first."""

    def start(self, name: str, arguments: Sequence[str], *, directory: Path, environment: Mapping[str, str]) -> Child:
        """A new child."""
        child = Child(name, arguments, directory, environment)
        self.callback(child.stop)
        return child


class LoadRun:
    """A profile under way in a process of its own; it starts at once."""

    def __init__(self, children: Children, profile: LoadProfile) -> None:
        self._profile = profile
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        children.callback(self.stop)
        assert self._process.stdin is not None
        with self._process.stdin as stdin:
            json.dump(asdict(profile), stdin)
        self._process.stdin = None

    def result(self) -> Result:
        """Wait for the end. Raises `BenchmarkFailed` unless every answer was as expected."""
        output, _ = self._process.communicate(timeout=self._profile.seconds + 60)
        if self._process.returncode:
            raise BenchmarkFailed(f"the load generator ended with status {self._process.returncode}")
        result = Result(**json.loads(output))
        if result.failures or not result.answered:
            raise BenchmarkFailed(f"{self._profile.path}: {result.answered} answers as expected, and {result.failures}")
        return result

    def stop(self) -> None:
        """End the process if it still runs. Idempotent."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def run_load(children: Children, profile: LoadProfile) -> Result:
    """Carry `profile` out. Raises `BenchmarkFailed` unless every answer was as expected."""
    return LoadRun(children, profile).result()


def await_http(child: Child, port: int, path: str = "/") -> None:
    """Wait until something answers at `port`, with whatever status. Raises `BenchmarkFailed`."""
    ends_at = time.monotonic() + START_SECONDS
    while time.monotonic() < ends_at:
        child.require_alive()
        try:
            with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                return
        except URLError as error:
            if hasattr(error, "code"):
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise BenchmarkFailed(f"{child.name} did not start within {START_SECONDS:.0f} s:\n{child.tail()}")


def fetch_json(port: int, path: str) -> Any:
    """The JSON document at `path`."""
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_on_sigterm() -> None:
    """Let SIGTERM unwind the stack as Ctrl-C does, so that children are ended and databases dropped."""

    def unwind(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, unwind)
