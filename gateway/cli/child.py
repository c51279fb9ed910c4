"""Runs a program that ends when its supervisor does: `python -m gateway.cli.child SUPERVISOR_PID PROGRAM ARGUMENT…`.

Replaces itself by the program. Linux keeps the wish to be told of the parent's death over that (prctl(2),
PR_SET_PDEATHSIG); on other systems the program outlives a supervisor that is killed with -9. Imports almost nothing,
because it stands before every child.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the program named on the command line."""
    supervisor_pid, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        # An orderly stop: what is under way is finished or released.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != supervisor_pid:
        # It died before we asked to be told.
        sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606 (no shell: that is the point)


if __name__ == "__main__":
    main()
