"""A supervisor that is nothing else: the process that prepared the start becomes it, and what it had loaded is gone.

Preparing takes the database and many libraries; waiting for children takes none of them, and goes on for months. So
this is a program of its own, with little to import, in the same process: its id, its parent and its output stay. What
is to be supervised comes through a pipe, since a command line can be read by every user.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from gateway.cli.supervisor import STOP_SIGNALS, Program, Supervisor
from gateway.cli.terminal.log_lines import log_line, tell
from gateway.clock import SystemClock
from gateway.outgoing.probe import is_alive


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run; where the web processes are asked whether they are up, and what is said then, line by line.

    `folders` are removed at the end. With `as_json` what happens is told as the logs are. Nothing here is secret.
    """

    programs: Sequence[Program]
    host: str
    port: int
    greeting: Sequence[str]
    folders: Sequence[str] = ()
    as_json: bool = False
    greets_as_json: bool = False


def hold_signals() -> None:
    """Let signals to stop wait until the supervisor listens: from before there is something to clean up."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def become_supervisor(plan: Plan, environment: Mapping[str, str]) -> NoReturn:
    """Replace this program by the supervisor of `plan`; all run in `environment`. Call `hold_signals` first."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        # Some kilobytes: a pipe takes 64 without a reader.
        json.dump(dataclasses.asdict(plan), pipe)
    os.set_inheritable(reading, True)
    command = (sys.executable, "-m", "gateway.cli.supervision", str(reading))
    os.execve(sys.executable, command, dict(environment))  # noqa: S606 (no shell: that is the point)


def main() -> int:
    """Supervise until the end; the exit code."""
    with os.fdopen(int(sys.argv[1])) as pipe:
        data = json.load(pipe)
    plan = Plan(**data | {"programs": [Program(**program) for program in data["programs"]]})
    try:
        return Supervisor(
            plan.programs,
            SystemClock(),
            tell=lambda line: tell(line if plan.as_json else f"gateway run: {line}", as_json=plan.as_json),
            is_ready=lambda: is_alive(plan.host, plan.port),
            ready=lambda: _greet(plan),
        ).run()
    finally:
        for folder in plan.folders:
            shutil.rmtree(folder, ignore_errors=True)


def _greet(plan: Plan) -> None:
    lines = [log_line(plan.greeting[0])] if plan.greets_as_json else plan.greeting
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
