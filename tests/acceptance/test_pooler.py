"""A gateway that reaches PostgreSQL through PgBouncer only: web processes and two workers on three connections."""

from __future__ import annotations

import pytest

from tests.services.gateway_process import Installation
from tests.services.github_sender import SOURCE, GithubSender
from tests.services.sink_thread import SinkThread
from tests.services.tables import Tables

pytestmark = pytest.mark.faults

EVENTS = 400
# What a killed worker leased waits for this and 15 s more.
TIMEOUT_SECONDS = 2


@pytest.mark.parametrize("database_url", ["pooled"], indirect=True)
def test_web_and_workers_share_what_the_pooler_has(
    installation: Installation, sink: SinkThread, tables: Tables, database_url: str
) -> None:
    assert "pooler=transaction" in database_url
    installation.apply(
        sources=[SOURCE],
        destinations=[
            {"name": "app", "url": sink.url(), "timeout": TIMEOUT_SECONDS},
            {"name": "ordered", "url": sink.url(), "timeout": TIMEOUT_SECONDS, "ordering_key": "key"},
        ],
        routes=[{"source": "github", "to": "app"}, {"source": "github", "to": "ordered"}],
    )
    installation.web("--workers", "2")
    workers = [installation.start("worker", name=f"worker-{number}") for number in range(2)]
    for worker in workers:
        worker.wait_for_log("worker started")
    sender = GithubSender(installation.port)
    with sender.sending(EVENTS):
        sender.wait_for(EVENTS // 4)
        workers[0].kill()
        sender.join()
    assert len(sender.acknowledged) == EVENTS
    assert set(tables.events()) == set(sender.acknowledged)
    tables.wait_until_all_are("delivered", timeout_seconds=120)
    assert tables.states() == {"delivered": 2 * EVENTS}
    assert installation.get("/readyz").status == 200
    workers[1].terminate()
    assert workers[1].wait() == 0
