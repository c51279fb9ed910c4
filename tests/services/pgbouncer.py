"""A private PgBouncer with the configuration of `examples/pgbouncer.ini`, in front of all databases of a server."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from tests.services.postgres import free_port
from tests.services.waiting import until

ROOT = Path(__file__).parents[2]
# So few that clients who hold a connection for longer than a transaction soon stand in each other's way.
SERVER_CONNECTIONS = 3


class PgBouncerMissing(Exception):
    """There is no PgBouncer on this machine."""


@contextmanager
def pgbouncer(server: URL, **changes: str) -> Iterator[URL]:
    """The administrator's URL through a pooler in transaction mode, while the block lasts. `changes` replaces values of
    settings. Raises `PgBouncerMissing`.
    """
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise PgBouncerMissing("pgbouncer is missing: install it (apt-get install pgbouncer), or let .ci/run do so")
    # It refuses to run as root.
    user = "postgres" if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="gateway-pgbouncer-"))
    port = free_port()
    (folder / "pgbouncer.ini").write_text(_configuration(server, port, changes))
    if user:
        shutil.chown(folder, user)
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [found, str(folder / "pgbouncer.ini")], stdin=subprocess.DEVNULL, stdout=output, stderr=output, user=user
        )
    try:
        until(lambda: process.poll() is not None or _listens(port), log.read_text)
        assert process.poll() is None, log.read_text()
        yield server.set(host="127.0.0.1", port=port, query={"pooler": "transaction"})
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder)


def _configuration(server: URL, port: int, changes: dict[str, str]) -> str:
    text = (ROOT / "examples" / "pgbouncer.ini").read_text(encoding="utf-8")
    secret = f" password={server.password}" if server.password else ""
    own = {
        "gateway = host=db.internal port=5432 dbname=gateway": (
            f"* = host={server.host} port={server.port or 5432} user={server.username}{secret}"
        ),
        "listen_port = 6432": f"listen_port = {port}",
        "auth_type = scram-sha-256": "auth_type = any",
        "auth_file = /etc/pgbouncer/userlist.txt\n": "",
        "default_pool_size = 20": f"default_pool_size = {SERVER_CONNECTIONS}\nunix_socket_dir =",
    }
    for usual, mine in (own | changes).items():
        assert usual in text, usual
        text = text.replace(usual, mine)
    return text


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
