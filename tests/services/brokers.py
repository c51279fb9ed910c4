"""Brokers for tests: RabbitMQ and Redis, started from installed binaries or, of RabbitMQ, a part of the one at hand."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kombu import Connection

from gateway.announcing.names import DELIVERIES
from tests.services.postgres import free_port
from tests.services.waiting import until

RABBITMQ_PORT = 5672
RABBITMQ_BINARIES = f"{os.environ.get('PATH', '')}:/usr/lib/rabbitmq/bin:/usr/sbin"
# Debian's own wrapper changes the user: right for the server at hand, and wrong for one of one's own.
UNWRAPPED_BINARIES = f"/usr/lib/rabbitmq/bin:{RABBITMQ_BINARIES}"
CONTROL_SECONDS = 60


class BrokerMissing(Exception):
    """There is no such broker and no way to start one; the message says why, in one line."""


class PrivateRedis:
    """A Redis of one's own on a free port, which keeps nothing, and which a test may stop, kill and start again."""

    def __init__(self) -> None:
        self._program = _program("redis-server", "redis-server")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        self.begin()
        until(self.is_up, "Redis takes connections")

    def begin(self) -> None:
        """Start it; it takes connections when `is_up` says so."""
        self._process = subprocess.Popen(
            [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            cwd=tempfile.gettempdir(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def is_up(self) -> bool:
        """Whether it takes connections."""
        return takes_connections(self.port)

    def stand_still(self) -> None:
        """Give it no time at all until `go_on`: connections stay, and nobody answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on where it stood still."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut would; what it held is lost. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """The same: it leaves nothing behind."""
        self.kill()


class PrivateRabbitmq:
    """A RabbitMQ of one's own on free ports, in a folder of its own, which a test may kill and start again. On
    loopback, or for everybody on the network.
    """

    def __init__(self, *, for_network: bool = False) -> None:
        self._program = _program("rabbitmq-server", "rabbitmq-server", UNWRAPPED_BINARIES)
        self._folder = Path(tempfile.mkdtemp(prefix="gateway-rabbitmq-"))
        self.port, name = free_port(), f"gateway-{uuid.uuid4().hex[:8]}@localhost"
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        (self._folder / "plugins").write_text("[].")
        if for_network:
            (self._folder / "rabbitmq.conf").write_text("loopback_users = none\n")
        self._environment = os.environ | {
            "HOME": str(self._folder),
            "RABBITMQ_NODENAME": name,
            "RABBITMQ_NODE_IP_ADDRESS": "0.0.0.0" if for_network else "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self._folder),
            "RABBITMQ_LOG_BASE": str(self._folder),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbitmq"),
            "RABBITMQ_PID_FILE": str(self._folder / "pid"),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it and wait until it takes connections. Raises `BrokerMissing`."""
        self.begin()
        until(lambda: self.is_up() or not self._is_running(), self._output, timeout_seconds=120)
        if not self._is_running():
            output_of_it = self._output()[-200:]
            self.remove()
            raise BrokerMissing(f"a private RabbitMQ could not be started: {output_of_it}")

    def begin(self) -> None:
        """Start it; it takes connections when `is_up` says so."""
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [self._program],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def is_up(self) -> bool:
        """Whether it takes connections."""
        return takes_connections(self.port)

    def stand_still(self) -> None:
        """Give it no time at all until `go_on`: connections stay, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on where it stood still."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it with its helpers as a power cut would; what it has written is there at the next start. Idempotent."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def control(self, *arguments: str) -> str:
        """Do something as its administrator; what it says."""
        program = _program("rabbitmqctl", "rabbitmq-server", UNWRAPPED_BINARIES)
        done = subprocess.run(
            [program, *arguments],
            env=self._environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=CONTROL_SECONDS,
        )
        return done.stdout

    def remove(self) -> None:
        """End it with its helpers, and delete its files."""
        self.kill()
        epmd = shutil.which("epmd")
        if epmd is not None:
            subprocess.run([epmd, "-kill"], env=self._environment, capture_output=True, timeout=30)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _signal(self, number: signal.Signals) -> None:
        # The server is a child of a script.
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _output(self) -> str:
        return (self._folder / "output").read_text(errors="replace")


PrivateBroker = PrivateRabbitmq | PrivateRedis


def private_broker(name: str) -> PrivateBroker:
    """A private `rabbitmq` or `redis`. Raises `BrokerMissing`."""
    return PrivateRabbitmq() if name == "rabbitmq" else PrivateRedis()


@contextmanager
def rabbitmq_url() -> Iterator[str]:
    """A RabbitMQ with nothing in it: a virtual host of the one that runs here, else a private one.

    Raises `BrokerMissing`.
    """
    name = f"gateway-test-{uuid.uuid4().hex[:12]}"
    if takes_connections(RABBITMQ_PORT) and _control("add_vhost", name):
        try:
            _control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
            yield f"amqp://guest:guest@127.0.0.1:{RABBITMQ_PORT}/{name}"
        finally:
            _control("delete_vhost", name)
        return
    server = PrivateRabbitmq()
    try:
        yield server.url
    finally:
        server.remove()


@contextmanager
def redis_broker() -> Iterator[PrivateRedis]:
    """A private Redis. Raises `BrokerMissing`."""
    server = PrivateRedis()
    try:
        yield server
    finally:
        server.kill()


def emptied(url: str) -> None:
    """Delete every queue of ours with all that is in it, as somebody might by mistake."""
    with Connection(url) as connection:
        if url.startswith("redis"):
            connection.default_channel.client.flushall()
        else:
            connection.default_channel.queue_delete(DELIVERIES)


def takes_connections(port: int) -> bool:
    """Whether something listens on this port of loopback."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False


def _control(*arguments: str) -> bool:
    program = shutil.which("rabbitmqctl", path=RABBITMQ_BINARIES)
    if program is None:
        return False
    environment: Mapping[str, str] = os.environ
    ended = subprocess.run(
        [program, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=CONTROL_SECONDS
    )
    return ended.returncode == 0


def _program(name: str, package: str, path: str | None = None) -> str:
    found = shutil.which(name, path=path or RABBITMQ_BINARIES)
    if found is None:
        raise BrokerMissing(f"{name} is missing: install it (apt-get install {package}), or let .ci/run do so")
    return found
