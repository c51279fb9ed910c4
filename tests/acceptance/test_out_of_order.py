"""Real processes start beside rows that cannot be loaded, serve the others, and take up what is mended."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from gateway.db.database import Database
from tests.services.gateway_process import Installation
from tests.services.github_sender import SECRET, SOURCE, signed
from tests.services.sink_thread import SinkThread
from tests.services.waiting import until

BODY = b'{"ref": "main"}'
BROKEN = "sealed_value = :nonsense WHERE"


# That rows are judged alike on both, tests/integration/resilience holds.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_others_live_beside_lost_secrets_and_mended_ones_go_on(
    installation: Installation, database_url: str, sink: SinkThread
) -> None:
    installation.apply(
        sources=[SOURCE, SOURCE | {"slug": "lost"}],
        destinations=[{"name": "app", "url": sink.url()}, {"name": "later", "url": sink.url("/later")}],
        routes=[{"source": "github", "to": "app"}, {"source": "github", "to": "later"}],
    )
    database = Database.open(database_url)
    with database.write() as connection:
        for table, owner in (
            ("source_credentials", "source_id IN (SELECT id FROM sources WHERE slug = 'lost')"),
            ("destination_secrets", "destination_id IN (SELECT id FROM destinations WHERE name = 'later')"),
        ):
            connection.execute(text(f"UPDATE {table} SET {BROKEN} {owner}"), {"nonsense": b"\x01" + bytes(60)})
    database.close()
    program = installation.run("--workers", "1")

    def post(slug: str, delivery: str, secret: str = SECRET) -> int:
        path, headers = f"/webhooks/{slug}", signed(BODY, delivery, secret=secret)
        return installation.request("POST", path, BODY, headers).status

    assert (post("github", "d-1"), post("lost", "d-1")) == (200, 503)
    until(lambda: len(sink.at("/hook")) == 1, program.log)
    assert sink.at("/later") == []
    ready = installation.get("/readyz")
    assert ready.status == 200
    assert ready.json()["checks"]["configuration"]["detail"] == "out of order: 1 source, 1 destination"
    assert "lost of tenant default is out of order: decryption_failed" in installation.gateway("doctor", code=1)

    installation.gateway("sources", "rotate", "lost", "--secret", "another")
    installation.gateway("destinations", "rotate", "later")
    until(lambda: post("lost", "d-2", "another") == 200, program.log, every_seconds=0.25)
    until(lambda: len(sink.at("/later")) == 1, program.log)
    assert len(sink.at("/hook")) == 1
    program.terminate()
    assert program.wait() == 0, program.log()
