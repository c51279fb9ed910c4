"""Programs that start within a moment: a process that has imported all that they import, and forks one when told.

Importing does nothing, so that what is forked is a program like any other; to start Python for each would take most of
a run's time. Each line of standard input is a log file and a command line; the answer is the process id. At the end of
the input the programs end too.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from tests.services.processes import is_alive

PROGRAMS = {"gateway": "gateway.cli.main:main", "gunicorn": "gunicorn.app.wsgiapp:run"}
# What they have loaded once they are at work, as far as they load it that late.
MODULES = (
    "gateway.cli.main",
    "gateway.cli.worker",
    "gateway.factory",
    "gateway.server.front",
    "gateway.server.host.worker",
    "gunicorn.app.wsgiapp",
    "psycopg",
    "uvloop",
)
# The same of those that have a broker.
BROKER_MODULES = (
    "gateway.announcing.link",
    "gateway.engines.celery_engine.run",
    "kombu.transport.pyamqp",
    "kombu.transport.redis",
)
REAP_SECONDS = 0.2


class Offspring:
    """One program."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid = pid
        self._log = log

    def is_running(self) -> bool:
        return is_alive(self.pid)

    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""


class Nursery:
    """Starts programs in `directory` with `environment`. A context; leaving it ends them."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._count = 0
        # It does not work in the directory, where everything dies.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.nursery", str(directory)],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_exception: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def start(self, program: str, *arguments: str) -> Offspring:
        """`PROGRAM ARGUMENTS`, one of `PROGRAMS`."""
        assert self._process.stdin
        assert self._process.stdout
        log = self._directory / f"{program}-{self._count}.log"
        self._count += 1
        self._process.stdin.write(json.dumps([str(log), program, *arguments]) + "\n")
        self._process.stdin.flush()
        return Offspring(int(self._process.stdout.readline()), log)


def _serve(directory: str) -> None:
    for name in (*MODULES, *(BROKER_MODULES if os.environ.get("GATEWAY_BROKER_URL") else ())):
        import_module(name)
    children: set[int] = set()
    commands = os.fdopen(os.dup(0), "rb", buffering=0)
    while True:
        readable, _, _ = select.select([commands], [], [], REAP_SECONDS)
        children -= {pid for pid in children if os.waitpid(pid, os.WNOHANG)[0]}
        if not readable:
            continue
        line = commands.readline()
        if not line:
            break
        log, *command = json.loads(line)
        pid = os.fork()
        if not pid:
            _become(directory, log, command)
        children.add(pid)
        print(pid, flush=True)
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _become(directory: str, log: str, command: Sequence[str]) -> None:
    """From here on this process is that program, until it ends."""
    os.chdir(directory)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, opened in enumerate((os.open(os.devnull, os.O_RDONLY), output, output)):
        os.dup2(opened, number)
    os.closerange(3, 64)
    sys.argv = list(command)
    module, _, function = PROGRAMS[command[0]].partition(":")
    code = 1
    try:
        getattr(import_module(module), function)()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
