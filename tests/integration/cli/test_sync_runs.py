"""`gateway sync-runs` and `gateway quarantine`, as a person types them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from gateway.db.database import Database
from gateway.entities.states import RunState
from tests.integration.cli.conftest import CommandLine
from tests.services.sync_rows import store_integration, store_quarantined, store_run

NOW = datetime.now(UTC)
Ready = Callable[[], CommandLine]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_runs_are_shown_and_decided(ready: Ready, database: Database) -> None:
    cli = ready()
    assert "No sync runs yet" in cli("sync-runs", "list").stderr
    crm = store_integration(database, NOW, "crm")
    done, held = store_run(database, NOW, crm), store_run(database, NOW, crm, RunState.HELD)
    assert [(row[0], row[2], row[5]) for row in cli.rows("sync-runs", "list")] == [
        (held, "crm", "held"),
        (done, "crm", "succeeded"),
    ]
    assert "gateway sync-runs show" in cli("sync-runs", "list", "--state", "held").stderr
    assert "No sync run matches" in cli("sync-runs", "list", "--plans").stderr
    shown = cli("sync-runs", "show", held)
    assert "40 of 50 contact entities" in shown.stdout
    assert f"gateway sync-runs confirm {held}" in shown.stderr
    assert "Nobody can answer here" in cli("sync-runs", "confirm", held, code=2).stderr
    # There are none of them: somebody else was quicker.
    assert "0 entities are deleted" in cli("sync-runs", "confirm", held, "--yes").stdout
    assert cli.json("sync-runs", "show", held)["state"] == "succeeded"
    assert "only one that is held" in cli("sync-runs", "reject", done, code=1).stderr
    other = store_run(database, NOW, crm, RunState.HELD)
    assert "Nothing is deleted" in cli("sync-runs", "reject", other).stdout


def test_quarantine_is_shown_and_discarded(ready: Ready, database: Database) -> None:
    cli = ready()
    assert "No record is in quarantine" in cli("quarantine", "list").stderr
    record = store_quarantined(database, NOW, store_integration(database, NOW, "crm"))
    assert [(row[0], row[2], row[4], row[7]) for row in cli.rows("quarantine", "list", "--integration", "crm")] == [
        (record, "crm", "c1", "must be a text")
    ]
    shown = cli("quarantine", "show", record)
    assert "/name: must be a text (wrong_type)" in shown.stdout
    assert '{"id":"c1"}' in shown.stdout
    assert "passed over" in cli("quarantine", "discard", record).stdout
    assert cli.json("quarantine", "show", record)["state"] == "discarded"
