"""One handler process, as its worker has it: started, called, ended. One call at a time.

What runs inside is `handler_child`; which process gets which call is `handler_pool`'s part. Each process has a pipe of
its own, so that the end of one says nothing about the calls of the others.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Pipe
from typing import Any

from gateway.clock import Clock
from gateway.delivery.sending.handler_child import HandlerCall

# A dead process is noticed by the end of its pipe; a process that it left behind may hold that open.
LOOK_SECONDS = 0.5


class ProcessEnded(Exception):
    """The process ended while it ran the handler. `exit_code` is negative for a signal."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class NeverBegan(ProcessEnded):
    """The process ended before it called the handler: the call may be given to another one."""


class HandlerProcess:
    """A Python of its own, with the search path of this one and nothing else of it. `modules` are imported before the
    first call.
    """

    def __init__(self, modules: Sequence[str], clock: Clock) -> None:
        self._clock = clock
        self._is_ready = False
        self._pipe, theirs = Pipe()
        serve = (
            f"from gateway.delivery.sending.handler_child import serve; serve({theirs.fileno()}, {tuple(modules)!r})"
        )
        code = f"import sys; sys.path[:] = {[str(place) for place in sys.path]!r}; {serve}"
        with theirs:
            # In a session of its own: what a terminal sends is for the worker, which lets calls come to their end.
            self._process = subprocess.Popen(  # noqa: S603 (no shell, and the command is ours)
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def call(self, handler_call: HandlerCall, *, timeout_seconds: float) -> tuple[str, str | None]:
        """Call the handler: how it ended, and the error, as `handler_child` tells them. Blocks.

        The timeout counts from when the handler is called. Raises `NeverBegan`, `ProcessEnded`, `TimeoutError`; after
        each of them the process is only good for `end`.
        """
        try:
            if not self._is_ready:
                # What is sent to a process that is not there to read it would block.
                self._told(None)
                self._is_ready = True
            self._pipe.send(handler_call)
            self._told(None)
        except (EOFError, ConnectionError) as gone:
            raise NeverBegan(self._exit_code()) from gone
        try:
            ended, error = self._told(timeout_seconds)
        except EOFError as gone:
            raise ProcessEnded(self._exit_code()) from gone
        return ended, error

    def kill(self) -> None:
        """Make a call that is running in another thread come to its end. Does not block."""
        self._process.kill()

    def end(self) -> None:
        """End the process, whatever it is doing, and give back what it took here."""
        self._process.kill()
        self._process.wait()
        self._pipe.close()

    def _told(self, within_seconds: float | None) -> Any:
        """What the process tells next. Raises `EOFError` when it has ended, and `TimeoutError`."""
        give_up_at = math.inf if within_seconds is None else self._clock.monotonic() + within_seconds
        while True:
            left_seconds = max(0.0, give_up_at - self._clock.monotonic())
            is_over = self._process.poll() is not None
            if self._pipe.poll(0.0 if is_over else min(LOOK_SECONDS, left_seconds)):
                try:
                    return self._pipe.recv()
                except OSError as cut:
                    raise EOFError from cut
            if is_over:
                raise EOFError
            if not left_seconds:
                raise TimeoutError

    def _exit_code(self) -> int:
        """The code of a process that is at its end, or made to be: without its pipe it is good for nothing."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(LOOK_SECONDS)
        self._process.kill()
        return self._process.wait()
