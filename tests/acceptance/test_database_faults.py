"""The database goes away under load and comes back: 503 with Retry-After while it lasts, no lost acknowledgement, and
recovery by itself, of web, worker and snapshot alike.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.services.gateway_process import Installation, Program
from tests.services.github_sender import SOURCE, GithubSender
from tests.services.postgres import PrivatePostgres
from tests.services.sink_thread import SinkThread
from tests.services.small_disk import SmallDisk, small_disk
from tests.services.tables import tables_of
from tests.services.waiting import until

from .burst import require_nothing_lost, route_to

pytestmark = pytest.mark.faults


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


def require_answers(sender: GithubSender, program: Program) -> None:
    """There were no other answers than these, each 503 said when to come again, and nothing ended."""
    assert set(sender.answers) == {200, 503}
    assert all(value is not None and int(value) > 0 for value in sender.retry_afters)
    assert program.process.poll() is None
    assert program.log().count("Booting worker") == 2
    assert program.log().count("worker started") == 1


def require_fresh_configuration(installation: Installation) -> None:
    """A change of the configuration holds in every web process."""
    assert installation.request("POST", "/webhooks/late").status == 404
    installation.apply(sources=[SOURCE | {"slug": "late"}])
    for _ in range(20):
        until(lambda: installation.request("POST", "/webhooks/late").status == 401, "the new source is known")


@pytest.mark.postgres
def test_postgres_stopped_and_killed(private_postgres: PrivatePostgres, tmp_path: Path, sink: SinkThread) -> None:
    with Installation(tmp_path / "installation", private_postgres.url) as installation:
        installation.gateway("db", "upgrade")
        route_to(installation, sink)
        program = installation.run()
        sender = GithubSender(installation.port)
        with sender.sending():
            for goes_away in (private_postgres.stop, private_postgres.kill):
                sender.wait_for(300)
                goes_away()
                sender.wait_for_answer(503, 20)
                assert (installation.get("/healthz").status, installation.get("/readyz").status) == (200, 503)
                private_postgres.start()
                sender.wait_for(300)
                assert installation.get("/readyz").status == 200
        require_fresh_configuration(installation)
        require_answers(sender, program)
        with tables_of(private_postgres.url) as tables:
            require_nothing_lost(sender, sink, tables)


def test_sqlite_locked_by_another_process(tmp_path: Path, sink: SinkThread) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    with Installation(tmp_path / "installation", url) as installation:
        installation.gateway("db", "upgrade")
        route_to(installation, sink)
        program = installation.run()
        sender = GithubSender(installation.port)
        with sender.sending():
            sender.wait_for(300)
            with closing(sqlite3.connect(tmp_path / "gateway.db", isolation_level=None, timeout=30)) as other:
                other.execute("BEGIN EXCLUSIVE")
                sender.wait_for_answer(503, 4)
                assert installation.get("/healthz").status == 200
                other.execute("ROLLBACK")
            sender.wait_for(300)
        require_fresh_configuration(installation)
        require_answers(sender, program)
        with tables_of(url) as tables:
            require_nothing_lost(sender, sink, tables)


def test_sqlite_on_a_full_disk(disk: SmallDisk, tmp_path: Path, sink: SinkThread) -> None:
    url = f"sqlite:///{disk.directory}/gateway.db"
    with Installation(tmp_path / "installation", url) as installation:
        installation.gateway("db", "upgrade")
        route_to(installation, sink)
        program = installation.run()
        sender = GithubSender(installation.port)
        with sender.sending():
            sender.wait_for(300)
            disk.fill(installation.processes())
            sender.wait_for_answer(503, 20)
            assert installation.get("/healthz").status == 200
            disk.free(installation.processes())
            sender.wait_for(300)
        require_fresh_configuration(installation)
        require_answers(sender, program)
        with tables_of(url) as tables:
            require_nothing_lost(sender, sink, tables)
