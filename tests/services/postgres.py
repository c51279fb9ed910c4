"""PostgreSQL for tests: a private server started from installed binaries, or one that is at hand."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

DEFAULT_URL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
URL_VARIABLE = "GATEWAY_TEST_POSTGRES_URL"
BINARIES = ("initdb", "pg_ctl", "postgres")


class PostgresMissing(Exception):
    """There is no server and no way to start one; the message says why, in one line."""


class PrivatePostgres:
    """A server of one's own on a free port, which a test may stop, kill and start again. On loopback; with `network`,
    on all addresses, for who calls from there.
    """

    def __init__(self, network: str | None = None) -> None:
        self._binaries = find_binaries()
        # The server refuses to run as root.
        self._user = "postgres" if os.getuid() == 0 else None
        self._directory = Path(tempfile.mkdtemp(prefix="gateway-postgres-"))
        self._listens_on = "127.0.0.1" if network is None else "*"
        self.port = free_port()
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"
        try:
            if self._user:
                shutil.chown(self._directory, self._user)
            data = self._directory / "data"
            self._run("initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
            if network is not None:
                with (data / "pg_hba.conf").open("a") as rules:
                    rules.write(f"host all all {network} trust\n")
            self.start()
        except (OSError, LookupError, subprocess.CalledProcessError) as error:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise PostgresMissing(f"a private PostgreSQL server could not be started: {error}") from error

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        options = (
            f"-p {self.port} -c listen_addresses='{self._listens_on}' -c unix_socket_directories='{self._directory}'"
        )
        # Nothing here outlives the machine, and a killed server's writes are safe with its kernel.
        options += " -c fsync=off -c full_page_writes=off"
        # What a statement costs, and what a database is when a test gives it back, depends on nobody's nap.
        options += " -c autovacuum=off"
        self._pg_ctl("start", "-w", "-o", options, "-l", str(self._directory / "log"))

    def stop(self) -> None:
        """Stop the server at once, as an orderly administrator in a hurry would: connections break."""
        self._pg_ctl("stop", "-w", "-m", "fast")

    def kill(self) -> None:
        """Kill the server as a power cut would; `start` recovers it."""
        pid = int((self._directory / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        self._pg_ctl("stop", "-w", "-m", "immediate", check=False)

    def remove(self) -> None:
        """Stop the server and delete its files."""
        self._pg_ctl("stop", "-w", "-m", "immediate", check=False)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _pg_ctl(self, *arguments: str, check: bool = True) -> None:
        self._run("pg_ctl", "-D", str(self._directory / "data"), *arguments, check=check)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        subprocess.run(
            [self._binaries / program, *arguments],
            check=check,
            user=self._user,
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )


@contextlib.contextmanager
def server_url() -> Iterator[URL]:
    """The administrator's URL of a running server: the one that is named, else a private one, whose databases are made
    and dropped in a third of the time, else the one at hand. Raises `PostgresMissing`.
    """
    named = os.environ.get(URL_VARIABLE)
    if named:
        yield _answering(named, f"{URL_VARIABLE} names a server that does not answer")
        return
    try:
        private = PrivatePostgres()
    except PostgresMissing as missing:
        yield _answering(DEFAULT_URL, f"{missing}, and none answers at 127.0.0.1:5432; set {URL_VARIABLE}")
        return
    try:
        yield make_url(private.url)
    finally:
        private.remove()


def create_database(server: URL, name: str, *, template: str = "template0") -> str:
    """Make the database `name` as a copy of `template`; its URL as the settings take it."""
    _execute(server, "CREATE DATABASE {} TEMPLATE {}", name, template)
    return url_of(server, name)


def drop_database(server: URL, name: str) -> None:
    """Remove the database `name`, whoever still uses it."""
    _execute(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def fresh_name(kind: str) -> str:
    """A name for a database that no other has."""
    return f"gateway_{kind}_{uuid.uuid4().hex[:16]}"


def url_of(server: URL, name: str) -> str:
    """The URL of the database `name`, as the settings take it."""
    return server.set(database=name).render_as_string(hide_password=False)


def dsn(server: URL, name: str | None = None) -> str:
    """The address of the database `name`, or of the administrator's, as psycopg takes it."""
    url = server if name is None else server.set(database=name)
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def connection_fault(url: URL) -> str | None:
    """Why the server at `url` cannot be used; None when it can."""
    try:
        psycopg.connect(dsn(url), connect_timeout=3).close()
    except psycopg.Error as error:
        return str(error).strip().splitlines()[0]
    return None


def _answering(address: str, otherwise: str) -> URL:
    url = make_url(address).set(drivername="postgresql+psycopg")
    fault = connection_fault(url)
    if fault is not None:
        raise PostgresMissing(f"{otherwise}: {fault}")
    return url


def find_binaries() -> Path:
    """The directory of the newest PostgreSQL binaries. Raises `PostgresMissing`."""
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for directory in candidates:
        if all((directory / name).exists() for name in BINARIES):
            return directory
    raise PostgresMissing("PostgreSQL: no binaries to start a server")


def free_port() -> int:
    """A port of the loopback interface that nobody listens on. It is none of those that the kernel gives to connections
    (from 32768 on, on Linux): one of them could take it before its server does.
    """
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", 15_000 + secrets.randbelow(17_768)))
            return int(probe.getsockname()[1])


def _version(directory: Path) -> int:
    digits = directory.parent.name.split(".")[0]
    return int(digits) if digits.isdigit() else 0


def _execute(server: URL, statement: str, *names: str) -> None:
    query = sql.SQL(statement).format(*map(sql.Identifier, names))
    with psycopg.connect(dsn(server), autocommit=True) as connection:
        connection.execute(query)
