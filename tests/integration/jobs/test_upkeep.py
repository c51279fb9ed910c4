"""What a worker does beside its work: it is seen while it runs, and makes the schedules that every installation has."""

from __future__ import annotations

from sqlalchemy import select, update

from gateway.clock import from_us
from gateway.config import Settings
from gateway.db.model import SYSTEM
from gateway.engines.kinds import KINDS
from gateway.engines.upkeep import upkeep
from gateway.installation import Installation
from gateway.jobs.models import Job, Schedule
from gateway.jobs.workers.presence import Takes
from gateway.jobs.workers.search import SeenWorker, find_workers
from tests.services.waiting import until

TAKES = Takes(deliveries=True, jobs=tuple(KINDS))


def seen(installation: Installation) -> list[SeenWorker]:
    with installation.database.read() as connection:
        return find_workers(connection, installation.now())


def schedules(installation: Installation) -> list[Schedule]:
    """That of the purge; others are as often due as a test is long."""
    with installation.database.system_session() as session:
        return list(session.scalars(select(Schedule).where(Schedule.name == "purge")))


def test_a_worker_is_seen_while_it_runs_and_purges_every_night_unless_that_is_paused(settings: Settings) -> None:
    with Installation(settings) as installation:
        with upkeep(installation, installation.clock, engine="embedded", takes=TAKES):
            until(lambda: seen(installation), "the worker to be seen")
            [purge] = schedules(installation)
        assert (purge.tenant_id, purge.name, purge.kind, purge.is_paused) == (SYSTEM, "purge", "events.purge", False)
        assert purge.next_at is not None
        assert purge.next_at.hour in {3, 4}
        assert seen(installation) == []
        with installation.database.system_session(write=True) as session:
            session.execute(update(Schedule).values(is_paused=True))
        with upkeep(installation, installation.clock, engine="embedded", takes=TAKES):
            [again] = schedules(installation)
        assert (again.id, again.is_paused, again.next_at) == (purge.id, True, purge.next_at)


def test_its_thread_makes_the_job_of_a_schedule_that_is_due(settings: Settings) -> None:
    def jobs(installation: Installation) -> list[Job]:
        with installation.database.system_session() as session:
            return list(session.scalars(select(Job).where(Job.kind == "events.purge")))

    with Installation(settings) as installation:
        with upkeep(installation, installation.clock, engine="embedded", takes=TAKES):
            pass
        with installation.database.system_session(write=True) as session:
            session.execute(update(Schedule).where(Schedule.name == "purge").values(next_at=from_us(0)))
        with upkeep(installation, installation.clock, engine="embedded", takes=TAKES):
            [job] = until(lambda: jobs(installation), "the job to be made")
        assert (job.kind, job.tenant_id, job.asker_name, job.payload["tenant_id"]) == (
            "events.purge",
            SYSTEM,
            "schedules",
            None,
        )
        [purge] = schedules(installation)
        assert purge.last_job_id == job.id
        assert purge.next_at is not None
        assert purge.next_at > installation.now()
