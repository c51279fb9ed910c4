"""`gateway jobs` and `gateway schedules`: of all tenants and of none, or of one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread

from sqlalchemy import update

from gateway.db.database import Database
from gateway.db.model import SYSTEM
from gateway.jobs.models import Job, JobState
from tests.integration.cli.conftest import CommandLine
from tests.services.rows import store_job, store_schedule
from tests.services.waiting import until

NOW = datetime.now(UTC)
Ready = Callable[[], CommandLine]


def test_jobs_are_listed_shown_stopped_and_tried_again(ready: Ready, database: Database) -> None:
    cli = ready()
    cli("tenants", "create", "acme")
    acme = next(one["id"] for one in cli.json("tenants", "list")["data"] if one["slug"] == "acme")
    assert "No jobs yet" in cli("jobs", "list").stderr
    purge = store_job(database, NOW - timedelta(seconds=3), JobState.RUNNING, tenant_id=SYSTEM, kind="purge")
    failed = store_job(
        database,
        NOW - timedelta(seconds=2),
        JobState.FAILED,
        tenant_id=acme,
        error="it broke",
        error_code="internal_error",
        progress_total=None,
        progress_line=None,
    )
    waiting = store_job(database, NOW - timedelta(seconds=1))
    columns = [(row[0], row[2], row[3], row[4], row[5], row[6]) for row in cli.rows("jobs", "list")]
    assert columns == [
        (waiting, "tests.plain", "pending", "5 of 10 (50%), half of it", "default", "somebody"),
        (failed, "tests.plain", "failed", "5", "acme", "somebody"),
        (purge, "purge", "running", "5 of 10 (50%), half of it", "-", "somebody"),
    ]
    assert [row[0] for row in cli.rows("jobs", "list", "--tenant", "acme")] == [failed]
    assert [row[0] for row in cli.rows("jobs", "list", "--state", "running", "--kind", "purge")] == [purge]
    assert "No job matches" in cli("jobs", "list", "--kind", "none").stderr
    page = cli.json("jobs", "list", "--limit", "1")
    assert [one["id"] for one in page["data"]] == [waiting]
    assert len(cli.rows("jobs", "list", "--cursor", page["next_cursor"])) == 2

    shown = cli("jobs", "show", failed).stdout
    for line in ("internal_error: it broke", "n=1", "somebody (command_line)"):
        assert line in shown
    assert cli.json("jobs", "show", failed)["progress_done"] == 5
    cli("jobs", "show", failed, "--tenant", "default", code=3)
    assert "no job" in cli("jobs", "show", "job_none", code=3).output

    assert f"{waiting} is cancelled." in cli("jobs", "cancel", waiting).stdout
    assert "cancelled within seconds" in cli("jobs", "cancel", purge).stdout
    assert cli.json("jobs", "cancel", purge)["state"] == "running"
    assert f"{failed} is due now" in cli("jobs", "retry", failed).stdout
    cli("jobs", "retry", failed, code=1)
    assert cli.json("jobs", "retry", waiting)["state"] == "pending"


def test_one_is_watched_until_it_ends(ready: Ready, database: Database) -> None:
    cli = ready()
    job = store_job(database, NOW)
    ended: list[str] = []
    watching = Thread(target=lambda: ended.append(cli("jobs", "show", job, "--watch").stdout))
    watching.start()
    with database.write() as connection:
        connection.execute(update(Job.__table__).values(state=JobState.RUNNING))
    assert not ended
    with database.write() as connection:
        done = {"state": JobState.SUCCEEDED, "result": {"events": 3}, "finished_at": NOW}
        connection.execute(update(Job.__table__).values(done))
    until(lambda: ended, "the job was not seen to end")
    watching.join(60)
    assert "events=3" in ended[0]
    with database.write() as connection:
        connection.execute(update(Job.__table__).values(state=JobState.FAILED))
    assert cli("jobs", "show", job, "--watch", "--json", code=1).stdout


def test_schedules_are_listed_paused_and_run(ready: Ready, database: Database) -> None:
    cli = ready()
    cli("tenants", "create", "acme")
    acme = next(one["id"] for one in cli.json("tenants", "list")["data"] if one["slug"] == "acme")
    assert "No schedules yet" in cli("schedules", "list").stderr
    purge = store_schedule(
        database, NOW, "purge", tenant_id=SYSTEM, every_seconds=None, cron="0 3 * * *", time_zone="UTC", kind="purge"
    )
    sync = store_schedule(database, NOW + timedelta(seconds=1), "sync", tenant_id=acme, every_seconds=900)
    columns = [(row[0], row[1], row[2], row[3], row[4], row[8]) for row in cli.rows("schedules", "list")]
    assert columns == [
        ("purge", purge, "purge", "0 3 * * * (UTC)", "active", "-"),
        ("sync", sync, "tests.plain", "every 15m", "active", "acme"),
    ]
    assert [row[0] for row in cli.rows("schedules", "list", "--tenant", "acme")] == ["sync"]
    paused = cli("schedules", "pause", "purge").stdout
    assert "purge is paused. Back: gateway schedules resume purge" in paused
    assert [row[0] for row in cli.rows("schedules", "list", "--state", "paused")] == ["purge"]
    assert "No schedule matches" in cli("schedules", "list", "--kind", "none").stderr
    resumed = cli("schedules", "resume", purge).stdout
    assert resumed.startswith("purge is active, and due next at ")
    assert "schedules resume sync --tenant acme" in cli("schedules", "pause", "sync", "--tenant", "acme").stdout
    assert cli.json("schedules", "resume", sync)["state"] == "active"
    assert "did you mean 'purge'" in cli("schedules", "pause", "pruge", code=3).output
    assert "are not known here" in cli("schedules", "run-now", sync, code=1).output
    assert cli.json("schedules", "list", "--limit", "1")["next_cursor"]
