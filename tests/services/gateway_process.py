"""A gateway as its operators see it: a directory of its own, the `gateway` command, and programs that run.

Everything goes through public surfaces: the command line, environment variables, HTTP. What is in the tables is
`tables`' matter.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml
from click.testing import CliRunner

from gateway.cli.main import gateway
from tests.services.postgres import free_port
from tests.services.waiting import until

ROOT = Path(__file__).parents[2]
COMMAND = str(Path(sys.executable).with_name("gateway"))
COMMAND_SECONDS = 60.0


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Program:
    """A running command with everything it wrote."""

    def __init__(
        self,
        command: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        log: Path,
        before: Callable[[], None] | None = None,
    ) -> None:
        self._log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                list(command),
                cwd=directory,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=before,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text(errors="replace")

    def wait_for_log(self, text: str, *, times: int = 1) -> None:
        """Wait until it wrote `text`, `times` times."""

        def is_written() -> bool:
            return self.log().count(text) >= times or self.process.poll() is not None

        until(is_written, lambda: f"{text!r} in the log:\n{self.log()}")
        assert self.log().count(text) >= times, f"ended with {self.process.poll()}:\n{self.log()}"

    def children(self, part: str) -> list[int]:
        """The ids of the living processes below this one whose command line contains `part`, eldest first."""
        found = []
        for child in psutil.Process(self.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if part in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    found.append((child.create_time(), child.pid))
        return [pid for _, pid in sorted(found)]

    def web_master(self) -> int:
        """The gunicorn master of `gateway run`."""
        return self.children("gunicorn")[0]

    def web_workers(self) -> list[int]:
        """The gunicorn workers of `gateway run`."""
        master = self.web_master()
        return [child.pid for child in psutil.Process(master).children()]

    def worker(self) -> int:
        """The delivery worker of `gateway run`."""
        return self.children("gateway.cli.main worker")[0]

    def terminate(self) -> None:
        """Ask it to end in order."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it, and only it, with -9."""
        self.process.kill()
        self.process.wait()

    def wait(self, timeout_seconds: float = 60.0) -> int:
        """Its exit code, once it ended."""
        return self.process.wait(timeout_seconds)


class Installation:
    """One gateway: its directory, its settings, its programs. A context; leaving it ends every process."""

    def __init__(self, directory: Path, database_url: str | None = None, **variables: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        self.environment = inherited | {"GATEWAY_BASE_URL": self.url, "GATEWAY_LOG_FORMAT": "json"} | variables
        if database_url is not None:
            self.environment["GATEWAY_DATABASE_URL"] = database_url
        self._programs: list[Program] = []

    def __enter__(self) -> Installation:
        return self

    def __exit__(self, *_exception: object) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        for program in self._programs:
            program.process.wait()

    def gateway(self, *arguments: str, code: int = 0) -> str:
        """What `gateway ARGUMENTS` prints, which must end with exit code `code`; errors too when that is not 0. It is
        carried out in this process: to start Python for it takes longer than everything that it does.
        """
        inherited = {name: None for name in os.environ if name.startswith("GATEWAY_")}
        own = {name: value for name, value in self.environment.items() if name.startswith("GATEWAY_")}
        with contextlib.chdir(self.directory):
            result = CliRunner().invoke(gateway, arguments, env=inherited | own)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return _printed(arguments, code, result.exit_code, result.stdout, result.stderr)

    def gateway_process(self, *arguments: str, code: int = 0) -> str:
        """The same, of a process of its own: for commands that start programs, and where handlers are loaded."""
        ended = subprocess.run(
            [COMMAND, *arguments],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        return _printed(arguments, code, ended.returncode, ended.stdout, ended.stderr)

    def json(self, *arguments: str) -> Any:
        """What `gateway ARGUMENTS --json` prints."""
        return json.loads(self.gateway(*arguments, "--json"))

    def apply(self, **manifest: Sequence[Mapping[str, object]]) -> Mapping[str, str]:
        """Apply a manifest of `sources`, `destinations`, `routes`; the destinations' signing secrets."""
        path = self.directory / "gateway.yaml"
        path.write_text(yaml.safe_dump({key: list(value) for key, value in manifest.items()}))
        secrets: Mapping[str, str] = self.json("apply", str(path), "--show-secrets")["secrets"]
        return secrets

    def start(self, *arguments: str, name: str | None = None, before: Callable[[], None] | None = None) -> Program:
        """Start `gateway ARGUMENTS` in the background; its log is NAME.log, by default of the first argument."""
        number = len(self._programs)
        log = self.directory / f"{name or arguments[0]}-{number}.log"
        program = Program([COMMAND, *arguments], self.directory, self.environment, log, before)
        self._programs.append(program)
        return program

    def run(self, *options: str) -> Program:
        """`gateway run`, up and with a worker that delivers."""
        program = self.start("run", "--port", str(self.port), *options)
        program.wait_for_log("The gateway is up")
        program.wait_for_log("worker started")
        return program

    def web(self, *options: str, before: Callable[[], None] | None = None) -> Program:
        """The web processes alone, as for a machine without a worker: gunicorn with our settings."""
        command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
        number = len(self._programs)
        program = Program(
            [*command, "--bind", f"127.0.0.1:{self.port}", *options],
            self.directory,
            self.environment,
            self.directory / f"web-{number}.log",
            before,
        )
        self._programs.append(program)
        until(self.is_up, program.log)
        return program

    def is_up(self) -> bool:
        """Whether the web processes answer."""
        try:
            return self.get("/healthz").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def wait_for_configuration(self) -> None:
        """Wait until the web process, of which there is one, has seen what was just changed."""
        changed_at = time.monotonic()

        def has_looked() -> bool:
            metrics = self.get("/metrics").body.decode()
            (age,) = re.findall(r"^gateway_configuration_age_seconds (\S+)", metrics, re.MULTILINE)
            return float(age) < time.monotonic() - changed_at

        until(has_looked, "the configuration is seen")

    def get(self, path: str, **headers: str) -> Reply:
        """GET `path` of this gateway."""
        return self.request("GET", path, headers=headers)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request on a connection of its own."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)) as connection:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def processes(self) -> list[psutil.Process]:
        """Every living process of this installation, orphans too: those that work in its directory."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.cwd() == str(self.directory) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


def _printed(arguments: Sequence[str], expected: int, code: int, output: str, errors: str) -> str:
    assert code == expected, f"{arguments}: {code}\n{output}\n{errors}"
    return output if code == 0 else output + errors


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Inside the block the process gets no time at all."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
