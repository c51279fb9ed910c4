"""Keeping the processes of one machine running, and stopping them in order.

A program that ends is started again, after a pause that grows. One that must start ends everything where it cannot, and
where it ends too often within a while. Stopping
goes program by program, in the order given, each with a deadline; what is left then is killed with its whole group.
Children die with the supervisor, see `child`. What the programs are is `run`'s matter.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from gateway.clock import Clock

TICK_SECONDS = 0.25
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
# A program that lived so long did start: its next end is a new trouble.
SETTLED_SECONDS = 60.0
# So often a program that must start may be killed before it settles: then starting it again does not help.
MOST_DEATHS = 5

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Program:
    """A child to run, in our environment. With `must_start` it is the end of all that it ends in order, fails before it
    settled, or is killed `MOST_DEATHS` times without settling. `stop_seconds` is its time after SIGTERM.
    """

    name: str
    command: Sequence[str]
    stop_seconds: float
    must_start: bool = False


class Supervisor:
    """Runs programs until one that must start does not, or until a signal says stop.

    `tell` gets one line for people per thing that happens; `is_ready` is asked until it says yes, then `ready` is
    called once.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        clock: Clock,
        *,
        tell: Callable[[str], None],
        is_ready: Callable[[], bool] = lambda: True,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._keepers = [_Keeper(program, clock, tell) for program in programs]
        self._tell = tell
        self._is_ready = is_ready
        self._ready = ready

    def run(self) -> int:
        """Run until the end; 0 when everything stopped in order on a signal, else 1."""
        with _signals() as signals:
            try:
                failed = self._watch(signals)
                in_order = self._stop(signals)
            finally:
                for keeper in self._keepers:
                    keeper.kill()
        return 0 if in_order and not failed else 1

    def _watch(self, signals: _Signals) -> bool:
        """Keep everything running; True when a program that must start cannot be."""
        announced = False
        while not signals.wait(TICK_SECONDS):
            for keeper in self._keepers:
                if not keeper.keep():
                    return True
            if not announced and self._is_ready():
                announced = True
                self._ready()
        return False

    def _stop(self, signals: _Signals) -> bool:
        self._tell("stopping; Ctrl-C again stops at once")
        in_order = True
        for keeper in self._keepers:
            in_order = keeper.stop(signals) and in_order
        return in_order


class _Keeper:
    """One program and its process."""

    def __init__(self, program: Program, clock: Clock, tell: Callable[[str], None]) -> None:
        self._program = program
        self._clock = clock
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_at = clock.monotonic()
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._deaths = 0

    def keep(self) -> bool:
        """See that the program runs; False when it must start and cannot."""
        now = self._clock.monotonic()
        if self._process is None:
            if now >= self._start_at:
                self._start(now)
            return True
        status = self._process.poll()
        if status is None:
            return True
        self.kill()
        settled = now - self._started_at >= SETTLED_SECONDS
        if settled:
            self._pause_seconds = FIRST_PAUSE_SECONDS
            self._deaths = 0
        self._deaths += 1
        by_itself = status == 0 or (status > 0 and not settled)
        if self._program.must_start and (by_itself or self._deaths >= MOST_DEATHS):
            often = f", {self._deaths} times in a row" if self._deaths > 1 else ""
            self._tell(f"{self._program.name} ended {_how(status)}{often}; see its messages above")
            return False
        self._tell(f"{self._program.name} ended {_how(status)}; starting it again in {self._pause_seconds:g} s")
        self._start_at = now + self._pause_seconds
        self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
        return True

    def stop(self, signals: _Signals) -> bool:
        """Ask the program to end and wait; False when it had to be killed."""
        if self._process is None or self._process.poll() is not None:
            return True
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        deadline = self._clock.monotonic() + self._program.stop_seconds
        while self._process.poll() is None:
            left = deadline - self._clock.monotonic()
            if left <= 0 or signals.wait(min(left, TICK_SECONDS)):
                self._tell(f"{self._program.name} did not end in time; killed")
                self.kill()
                return False
        return True

    def kill(self) -> None:
        """End whatever is left of the program's process group. Idempotent."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def _start(self, now: float) -> None:
        # A session of its own: Ctrl-C of a terminal reaches the supervisor only, which stops the others in order.
        command = (sys.executable, "-m", "gateway.cli.child", str(os.getpid()), *self._program.command)
        self._process = subprocess.Popen(  # noqa: S603 (no shell, and the command is ours)
            command, stdin=subprocess.DEVNULL, start_new_session=True
        )
        self._started_at = now


class _Signals:
    """Signals as bytes in a pipe, so that waiting ends at once and nothing happens inside a handler."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def wait(self, seconds: float) -> bool:
        """Wait at most so long for a signal; True when it was one to stop."""
        readable, _, _ = select.select([self._pipe], [], [], seconds)
        return bool(readable) and any(number in STOP_SIGNALS for number in os.read(self._pipe, 512))


@contextmanager
def _signals() -> Iterator[_Signals]:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    handled = (*STOP_SIGNALS, signal.SIGCHLD)
    # In this order: what comes between the two ends this process, as before, instead of being lost.
    wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    before = {number: signal.signal(number, _ignore) for number in handled}
    # Those that had to wait for this come now; and children inherit the mask.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, handled)
    try:
        yield _Signals(reading)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        os.close(reading)
        os.close(writing)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """A handler of our own, where SIG_IGN would be inherited by the children."""


def _how(status: int) -> str:
    return f"with exit code {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
