"""Signals between a fork and the handlers of the process that it made."""

from __future__ import annotations

import subprocess
import sys

FORK = """
import os, signal
from gateway.server.host.stop_signals import StopSignals

queued = []
signal.signal(signal.SIGTERM, lambda number, _frame: queued.append(number))
signals = StopSignals()
signals.guard_forks()
# The very first thing that happens to the child, before anything of ours runs in it.
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))
child = os.fork()
if child == 0:
    heard = signals.noted()
    os._exit(0 if heard == [signal.SIGTERM] and not queued and not signals.noted() else 1)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
os.kill(os.getpid(), signal.SIGTERM)
assert queued == [signal.SIGTERM], "the master's own handlers do not work any more"
assert signals.noted() == []
assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
"""


def test_a_fork_notes_signals_from_its_beginning_on() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
