"""Terminals as people sit at: commands run by bash on a pseudo-terminal of their own, stopped with Ctrl-C."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import subprocess
import termios
import threading
from collections.abc import Mapping
from pathlib import Path

CTRL_C = b"\x03"
COLUMNS = 200


class Terminal:
    """One window: at most one command at a time, and everything it shows."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = dict(environment) | {"TERM": "dumb", "COLUMNS": str(COLUMNS)}
        self._shown = bytearray()
        self._process: subprocess.Popen[bytes] | None = None
        self._keyboard = -1
        self._reader: threading.Thread | None = None

    def start(self, script: str) -> None:
        """Run `script`, and do not wait for it. What an earlier one showed is forgotten."""
        assert self._process is None, "something runs here already"
        self._keyboard, screen = pty.openpty()
        self._shown = bytearray()
        self._process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self._directory,
            env=self._environment,
            stdin=screen,
            stdout=screen,
            stderr=screen,
            start_new_session=True,
            # Standard input becomes the terminal that Ctrl-C comes from.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(screen)
        self._reader = threading.Thread(target=self._read, args=(self._keyboard, self._shown), daemon=True)
        self._reader.start()

    def run(self, script: str, *, seconds: float) -> tuple[int, str]:
        """Run `script` to its end: its exit code and what it showed."""
        self.start(script)
        code = self._end(seconds)
        return code, self.text()

    def interrupt(self, *, seconds: float) -> int:
        """Press Ctrl-C; the exit code of what ran."""
        os.write(self._keyboard, CTRL_C)
        return self._end(seconds)

    def text(self) -> str:
        """What is shown, with the lines' ends as in a file."""
        return bytes(self._shown).decode("utf-8", "replace").replace("\r\n", "\n")

    def close(self) -> None:
        """End what still runs: in order, and if that does not help, with -9."""
        if self._process is None:
            return
        try:
            self.interrupt(seconds=20)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
            self._end(10)

    def _end(self, seconds: float) -> int:
        assert self._process is not None
        assert self._reader is not None
        code = self._process.wait(seconds)
        self._reader.join(10)
        os.close(self._keyboard)
        self._process = None
        return code

    @staticmethod
    def _read(keyboard: int, shown: bytearray) -> None:
        # The read fails when the last process has closed its end.
        with contextlib.suppress(OSError):
            while data := os.read(keyboard, 65536):
                shown += data
