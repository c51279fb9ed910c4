"""`--detach` leaves long work to a worker, which does what the command would have done. Else no worker is needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.paging import PageRequest
from gateway.delivery.models import DeliveryState
from gateway.engines.kinds import KINDS
from gateway.installation import Installation
from gateway.jobs.runner import JobRunner
from gateway.jobs.search import find_jobs
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import act_for_system
from tests.integration.cli.conftest import CommandLine
from tests.services.acting import TESTER
from tests.services.rows import store_event
from tests.services.waiting import until

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=31)
Ready = Callable[[], CommandLine]


def jobs(database: Database) -> list[JobSummary]:
    """All there are, newest first."""
    settings = Settings(database_url=database.engine.url.render_as_string(hide_password=False))
    with Installation(settings) as installation, act_for_system(installation, actor=TESTER) as acting:
        return list(find_jobs(acting, PageRequest()).rows)


def carried_out(database: Database, job_id: str) -> JobSummary:
    """The job, once a worker is done with it."""
    settings = Settings(database_url=database.engine.url.render_as_string(hide_password=False))
    with Installation(settings) as installation:
        runner = JobRunner(installation, KINDS)

        def ended() -> JobSummary | None:
            runner.step()
            found = next(job for job in jobs(database) if job.id == job_id)
            return found if found.finished_at else None

        found = until(ended, "a worker to be done", every_seconds=0.01)
    assert found is not None
    return found


def test_a_worker_does_what_the_command_would_have_done(ready: Ready, database: Database) -> None:
    cli = ready()
    destination_id = cli.json("destinations", "show", "app")["id"]
    store_event(database, OLD, states=[DeliveryState.DELIVERED], destination_id=destination_id)
    for _ in range(3):
        store_event(database, NOW, states=[DeliveryState.DEAD], destination_id=destination_id)
    cli.json("tenants", "create", "acme")
    since = ("--since", "1h")
    for arguments, kind, result in (
        (("events", "replay", *since, "--yes"), "events.replay", {"replayed": 3}),
        (("deliveries", "cancel", "--destination", "app", "--yes"), "deliveries.cancel", {"count": 3}),
        (("deliveries", "retry", "--state", "cancelled", *since, "--yes"), "deliveries.retry", {"count": 3}),
        (("purge", "--yes"), "events.purge", {"events": 1, "deliveries": 1}),
        (("tenants", "erase", "acme", "--yes"), "tenants.erase", {}),
    ):
        job_id = cli.json(*arguments, "--detach")["job"]
        done = carried_out(database, job_id)
        assert (done.kind, done.state) == (kind, "succeeded"), done.error
        assert (done.result or {}).items() >= result.items()
    assert [row["slug"] for row in cli.json("tenants", "list")["data"]] == ["default"]
    assert cli("purge", "--yes", "--detach").stdout.startswith("A worker does it: job_")


def test_what_a_command_does_is_a_job_of_its_own(ready: Ready, database: Database) -> None:
    cli = ready()
    destination_id = cli.json("destinations", "show", "app")["id"]
    store_event(database, NOW, states=[DeliveryState.DEAD], destination_id=destination_id)
    assert cli("deliveries", "retry", "--state", "dead", "--yes").stdout == "1 delivery is due now.\n"
    assert cli("deliveries", "cancel", "--destination", "app", "--yes").stdout == "1 delivery is cancelled.\n"
    assert "no destination" in cli("deliveries", "cancel", "--destination", "nope", "--yes", code=3).stderr
    found = [(job.kind, job.state, job.result, job.progress_done) for job in jobs(database)]
    assert found == [
        ("deliveries.cancel", "succeeded", {"count": 1}, 1),
        ("deliveries.retry", "succeeded", {"count": 1}, 1),
    ]
