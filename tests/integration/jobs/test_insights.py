"""How jobs, schedules and workers are is told to whoever watches: metrics, readiness, the doctor."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from gateway.clock import FakeClock
from gateway.db.shared_clock import shared_now
from gateway.doctor.check import Level
from gateway.doctor.jobs import jobs as examine
from gateway.factory import create_app
from gateway.installation import Installation
from gateway.jobs.gauges import OVERDUE, read_job_gauges
from gateway.jobs.models import UNKNOWN_KIND, JobState
from gateway.jobs.workers.presence import Presence, Takes
from gateway.jobs.workers.search import SILENT
from tests.integration.jobs.conftest import Work
from tests.integration.jobs.kinds import PLAIN, UNIQUE
from tests.services.rows import store_job, store_schedule


@pytest.fixture
def now(work: Work) -> datetime:
    """As the database has it: PostgreSQL has a clock of its own."""
    return shared_now(work.clock, work.installation.database)


def present(work: Work, seen_at: datetime, takes: Takes) -> Presence:
    database = work.installation.database
    made = Presence(database, FakeClock(seen_at), engine="embedded", version="1.2", takes=takes)
    made.step()
    return made


def findings(work: Work) -> list[tuple[str, Level, str, str | None]]:
    """With what stands for the hosts and processes of workers left out."""
    return [
        (one.name, one.level, one.detail.rpartition("(embedded, 1.2)")[2], one.hint and one.hint.action)
        for one in examine(work.installation)
    ]


EVERYTHING = Takes(deliveries=True, jobs=(PLAIN.name,))


def test_gauges_have_labels_for_the_kinds_that_are_known_and_one_for_all_others(work: Work, now: datetime) -> None:
    database = work.installation.database
    kinds = {PLAIN.name: PLAIN, UNIQUE.name: UNIQUE}
    store_job(database, now - timedelta(seconds=90))
    store_job(database, now + timedelta(seconds=3600))
    store_job(database, now, JobState.RUNNING)
    store_job(database, now, JobState.SUCCEEDED)
    for number in range(3):
        store_job(database, now - timedelta(seconds=10), kind=f"newer.{number}")
    store_schedule(database, now - OVERDUE - timedelta(seconds=5), "late")
    store_schedule(database, now - OVERDUE - timedelta(seconds=5), "paused", is_paused=True)
    store_schedule(database, now, "due")
    present(work, now, EVERYTHING)
    present(work, now - SILENT - timedelta(seconds=1), EVERYTHING)
    gauges = read_job_gauges(database, work.clock, kinds)
    assert gauges.jobs_by_kind_and_state == {
        (PLAIN.name, "pending"): 2,
        (PLAIN.name, "running"): 1,
        (UNIQUE.name, "pending"): 0,
        (UNIQUE.name, "running"): 0,
        (UNKNOWN_KIND, "pending"): 3,
    }
    assert gauges.oldest_seconds_by_kind.keys() == {PLAIN.name, UNIQUE.name, UNKNOWN_KIND}
    assert 90 <= gauges.oldest_seconds_by_kind[PLAIN.name] < 150
    assert gauges.oldest_seconds_by_kind[UNIQUE.name] == 0
    assert gauges.overdue_schedules == 1
    assert gauges.workers_by_state == {"alive": 1, "silent": 1}


def test_what_is_not_due_yet_is_not_old(work: Work, now: datetime) -> None:
    store_job(work.installation.database, now + timedelta(seconds=3600))
    assert read_job_gauges(work.installation.database, work.clock, {PLAIN.name}).oldest_seconds_by_kind == {
        PLAIN.name: 0.0
    }


def test_machines_are_told(work: Work, now: datetime) -> None:
    present(work, now, EVERYTHING)
    present(work, now - SILENT - timedelta(seconds=1), EVERYTHING)
    store_schedule(work.installation.database, now - OVERDUE - timedelta(seconds=5), "late")
    with Installation(work.installation.settings, clock=work.clock) as installation:
        client = create_app(installation).test_client()
        _ask(client)


def _ask(client: FlaskClient) -> None:
    inside = client.get("/readyz", environ_base={"REMOTE_ADDR": "127.0.0.1"})
    assert inside.status_code == 200
    assert inside.json["checks"]["workers"] == {"ok": True, "detail": "1 alive, 1 silent, 1 schedules overdue"}
    outside = client.get("/readyz", environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert outside.json["checks"]["workers"] == {"ok": True}
    metrics = client.get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"}).get_data(as_text=True)
    for line in (
        'gateway_workers{state="alive"} 1.0',
        'gateway_workers{state="silent"} 1.0',
        "gateway_schedules_overdue 1.0",
    ):
        assert line in metrics.splitlines()


class TestDoctor:
    def test_without_a_worker_everything_waits(self, work: Work) -> None:
        assert findings(work) == [
            ("workers", Level.WARN, "none runs: deliveries and jobs wait", "start_worker"),
        ]

    def test_those_that_live_are_named(self, work: Work, now: datetime) -> None:
        present(work, now, EVERYTHING)
        store_job(work.installation.database, now - timedelta(seconds=1))
        store_schedule(work.installation.database, now, "due")
        assert findings(work) == [("workers", Level.OK, "", None)]

    def test_the_silent_are_named_with_when_they_were_seen(self, work: Work, now: datetime) -> None:
        present(work, now, EVERYTHING)
        present(work, now - SILENT - timedelta(seconds=1), EVERYTHING)
        [alive, silent] = findings(work)
        assert alive[1] is Level.OK
        assert silent[1] is Level.WARN
        assert "was last seen at" in silent[2]

    def test_jobs_that_nobody_takes_are_told_by_their_kind(self, work: Work, now: datetime) -> None:
        present(work, now, Takes(deliveries=False, jobs=(UNIQUE.name,)))
        store_job(work.installation.database, now - timedelta(seconds=1))
        store_job(work.installation.database, now + timedelta(seconds=3600), kind="later")
        assert [(name, detail) for name, _, detail, _ in findings(work)][1:] == [
            ("workers", "none takes deliveries: they wait"),
            ("jobs", f"jobs of the kind {PLAIN.name} wait, and no worker takes them"),
        ]

    def test_schedules_that_nobody_takes_are_counted(self, work: Work, now: datetime) -> None:
        present(work, now, EVERYTHING)
        store_schedule(work.installation.database, now - OVERDUE - timedelta(seconds=5), "late")
        assert findings(work)[1:] == [
            ("schedules", Level.WARN, "1 are due for more than a minute and not taken", "list_schedules")
        ]
