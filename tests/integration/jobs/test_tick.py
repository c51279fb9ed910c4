"""Schedules make jobs due: each instant once for all machines, what was missed once, whatever clocks do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event, Thread

import pytest
from sqlalchemy import func, select, update

from gateway.db.model import SYSTEM
from gateway.db.shared_clock import SharedClock
from gateway.errors import InvalidInput
from gateway.jobs.kind import Kind
from gateway.jobs.models import Job, JobState, Schedule
from gateway.jobs.schedules.draft import ScheduleDraft
from gateway.jobs.schedules.ensure import ensure_schedules
from gateway.jobs.schedules.rhythm import Cron, Every, Rhythm
from gateway.jobs.schedules.rows import columns_of
from gateway.jobs.schedules.tick import BATCH, LATER, LOOK_SECONDS, Ticker
from tests.integration.jobs.conftest import Work
from tests.integration.jobs.kinds import PLAIN, UNIQUE
from tests.services.rows import store_schedule

KINDS = {kind.name: kind for kind in (PLAIN, UNIQUE)}
MINUTE = Every(60)
TEN_MINUTES = 600.0


def least() -> float:
    """A random source that always says the least."""
    return 0.0


def ticker(work: Work, kinds: dict[str, Kind] = KINDS, random: Callable[[], float] = least) -> Ticker:
    """One worker's, which goes by the clock of the test on both databases."""
    return Ticker(work.installation, work.clock, kinds, random=random)


def tick(work: Work, **values: object) -> int:
    """Tick until nothing is left to do; how many steps there were."""
    mine = ticker(work, **values)  # type: ignore[arg-type]
    steps = 0
    while mine.step():
        steps += 1
        assert steps < 100
    return steps


def add(work: Work, name: str = "every-minute", rhythm: Rhythm = MINUTE, **values: object) -> str:
    """A schedule that is due now; its id."""
    row: dict[str, object] = {"tenant_id": SYSTEM, "id": f"sch_{name}", **columns_of(rhythm), **values}
    return store_schedule(work.installation.database, work.installation.now(), name, **row)  # type: ignore[arg-type]


def jobs(work: Work, schedule: str | None = None) -> list[Job]:
    with work.installation.database.system_session() as session:
        found = select(Job).order_by(Job.id)
        return list(session.scalars(found if schedule is None else found.where(Job.schedule_id == schedule)))


def row(work: Work, schedule: str) -> Schedule:
    with work.installation.database.system_session() as session:
        return session.scalars(select(Schedule).where(Schedule.id == schedule)).one()


def finish(work: Work) -> None:
    """Every job that waits is done."""
    with work.installation.database.system_session(write=True) as session:
        session.execute(update(Job).values(state=JobState.SUCCEEDED, finished_at=work.installation.now()))


def test_an_instant_makes_one_job_with_what_the_schedule_says(work: Work) -> None:
    schedule = add(work, tenant_id="ten_default")
    began = work.installation.now()
    assert tick(work) == 1
    (job,) = jobs(work)
    assert (job.kind, job.payload, job.state, job.schedule_id, job.tenant_id, job.asker_kind, job.asker_name) == (
        PLAIN.name,
        {"n": 1},
        "pending",
        schedule,
        "ten_default",
        "system",
        "schedules",
    )
    done = row(work, schedule)
    assert (done.last_at, done.last_job_id, done.next_at) == (began, job.id, began + timedelta(seconds=60))
    assert tick(work) == 0


def test_forty_missed_instants_are_one_run(work: Work) -> None:
    schedule = add(work)
    began = work.installation.now()
    work.clock.advance(40 * 60 + 5)
    assert tick(work) == 1
    assert len(jobs(work)) == 1
    assert row(work, schedule).next_at == began + timedelta(minutes=41)


def test_while_its_job_waits_there_is_no_second_one(work: Work) -> None:
    schedule = add(work)
    for _ in range(5):
        tick(work)
        work.clock.advance(60)
    (job,) = jobs(work)
    assert row(work, schedule).last_job_id == job.id
    finish(work)
    tick(work)
    assert [one.state for one in jobs(work)] == ["succeeded", "pending"]


def test_one_that_runs_has_one_wait_behind_it(work: Work) -> None:
    add(work)
    tick(work)
    assert work.claim()
    for _ in range(3):
        work.clock.advance(60)
        tick(work)
    assert [one.state for one in jobs(work)] == ["running", "pending"]


def test_two_schedules_of_one_key_share_what_waits(work: Work) -> None:
    first, second = add(work, "first", kind=UNIQUE.name), add(work, "second", kind=UNIQUE.name)
    tick(work)
    (job,) = jobs(work)
    assert row(work, first).last_job_id == row(work, second).last_job_id == job.id


def test_two_tickers_at_the_same_instant_claim_each_once(work: Work) -> None:
    count = BATCH + 10
    for number in range(count):
        add(work, f"s{number}", tenant_id=f"ten_{number % 7}")
    together = Barrier(2)

    def run() -> None:
        together.wait(60)
        tick(work)

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    made = [job.schedule_id for job in jobs(work)]
    assert len(made) == len(set(made)) == count


def test_what_one_froze_with_is_passed_over_and_made_once(work: Work) -> None:
    """On SQLite who froze holds the only writer's place: then all wait for it, and nothing is doubled either."""
    frozen, other = add(work, "frozen"), add(work, "other", next_at=work.installation.now() + timedelta(seconds=1))
    holds, thaw = Event(), Event()

    def freeze() -> float:
        holds.set()
        assert thaw.wait(30)
        return 0.0

    thread = Thread(target=ticker(work, random=freeze).step)
    thread.start()
    assert holds.wait(60)
    work.clock.advance(TEN_MINUTES)
    if not work.installation.database.is_sqlite:
        assert tick(work) == 1
        assert [job.schedule_id for job in jobs(work)] == [other]
    thaw.set()
    thread.join(30)
    assert len(jobs(work, frozen)) == 1
    finish(work)
    tick(work)
    # Its instants of the ten minutes in which it was frozen are one more run, and those of the other one too.
    assert len(jobs(work, frozen)) == 2
    assert len(jobs(work, other)) <= 2
    assert row(work, frozen).next_at > work.installation.now()


def test_one_that_dies_in_its_transaction_leaves_the_instant_due(work: Work) -> None:
    schedule = add(work)

    def die() -> float:
        raise MemoryError

    with pytest.raises(MemoryError):
        ticker(work, random=die).step()
    assert jobs(work) == []
    assert tick(work) == 1
    assert [job.schedule_id for job in jobs(work)] == [schedule]


@pytest.mark.parametrize("rhythm", [Every(3600), Cron("0 * * * *", "Europe/Berlin")], ids=["interval", "cron"])
def test_a_clock_set_forward_and_back_does_no_harm(work: Work, rhythm: Rhythm) -> None:
    schedule = add(work, rhythm=rhythm)
    tick(work)
    finish(work)
    before = row(work, schedule).next_at
    work.clock.jump(365 * 86_400)
    tick(work)
    finish(work)
    assert len(jobs(work)) == 2
    work.clock.jump(-365 * 86_400)
    tick(work)
    assert len(jobs(work)) == 2
    assert row(work, schedule).next_at == before
    work.clock.advance(3600)
    tick(work)
    assert len(jobs(work)) == 3


def test_many_that_were_decided_in_the_future_are_all_brought_back(work: Work) -> None:
    work.clock.jump(86_400)
    for number in range(BATCH + 1):
        add(work, f"s{number}", next_at=work.installation.now() + timedelta(seconds=30))
    work.clock.jump(-86_400)
    assert tick(work) == 2
    with work.installation.database.system_session() as session:
        assert session.scalar(select(func.max(Schedule.next_at))) == work.installation.now() + timedelta(seconds=30)
    assert jobs(work) == []


def test_a_clock_that_differs_a_little_brings_nothing_back(work: Work) -> None:
    schedule = add(work, rhythm=Cron("* * * * *", "UTC"))
    work.clock.jump(59)
    tick(work)
    finish(work)
    next_at = row(work, schedule).next_at
    work.clock.jump(-59)
    assert tick(work) == 0
    assert row(work, schedule).next_at == next_at


def test_machines_whose_clocks_differ_by_minutes_go_by_the_time_of_the_database(work: Work) -> None:
    """On SQLite all processes are on one machine, and have one clock."""
    if work.installation.database.is_sqlite:
        return
    now = datetime.now(UTC)
    schedule = add(work, next_at=now - timedelta(seconds=1), scheduled_at=now - timedelta(minutes=1))
    # This machine's clock stands in January.
    clock = SharedClock(work.clock, work.installation.database)
    clock.step()
    theirs = Ticker(work.installation, clock, KINDS, random=least)
    assert theirs.step() is True
    assert theirs.step() is False
    assert len(jobs(work)) == 1
    assert now < row(work, schedule).next_at < now + timedelta(minutes=2)


def test_what_cannot_be_read_or_made_stops_no_other(work: Work) -> None:
    zone = add(work, "zone", Cron("0 3 * * *", "Nowhere/Else"))
    payload = add(work, "payload", payload={"n": "many"})
    good = add(work, "good")
    now = work.installation.now()
    tick(work)
    assert [job.schedule_id for job in jobs(work)] == [good]
    assert (row(work, zone).next_at, row(work, zone).last_at) == (now + LATER, None)
    assert (row(work, payload).next_at, row(work, payload).last_at) == (now + timedelta(seconds=60), None)


def test_schedules_of_kinds_that_this_version_does_not_know_are_left_to_others(work: Work) -> None:
    newer = add(work, "newer", kind="newer.kind")
    known = add(work, "known", next_at=work.installation.now() + timedelta(seconds=1))
    work.clock.advance(60)
    tick(work)
    assert [job.schedule_id for job in jobs(work)] == [known]
    assert row(work, newer).last_at is None
    assert ticker(work, kinds={}).step() is False


def test_it_looks_again_when_the_next_one_is_due_and_every_few_seconds(work: Work) -> None:
    mine = ticker(work)
    mine.step()
    assert mine.idle_seconds == LOOK_SECONDS
    add(work, next_at=work.installation.now() + timedelta(seconds=2))
    mine.step()
    assert mine.idle_seconds == 2.0
    work.clock.advance(2)
    assert mine.step() is True
    mine.step()
    assert mine.idle_seconds == LOOK_SECONDS


NIGHTLY = ScheduleDraft("nightly", PLAIN.name, Cron("0 3 * * *", "UTC"), 3600, {"n": 3})


@dataclass
class Ensured:
    """What is made at a worker's start."""

    work: Work

    def __call__(self, draft: ScheduleDraft = NIGHTLY) -> None:
        ensure_schedules(self.work.installation, [draft], KINDS, random=lambda: 0.5)

    @property
    def rows(self) -> list[Schedule]:
        with self.work.installation.database.system_session() as session:
            return list(session.scalars(select(Schedule)))


class TestBuiltIn:
    @pytest.fixture
    def ensured(self, work: Work) -> Ensured:
        return Ensured(work)

    def test_it_is_made_once_whoever_starts(self, ensured: Ensured) -> None:
        threads = [Thread(target=ensured) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        (made,) = ensured.rows
        assert (made.tenant_id, made.name, made.payload, made.is_paused) == (SYSTEM, "nightly", {"n": 3}, False)
        assert made.next_at == datetime(2026, 1, 1, 3, 30, tzinfo=UTC)

    def test_what_a_person_changed_stays_over_restarts(self, ensured: Ensured) -> None:
        ensured()
        with ensured.work.installation.database.system_session(write=True) as session:
            session.execute(update(Schedule).values(is_paused=True, cron="0 4 * * *"))
        ensured()
        ensured(replace(NIGHTLY, rhythm=Every(60), jitter_seconds=0))
        (made,) = ensured.rows
        assert (made.is_paused, made.cron, made.every_seconds) == (True, "0 4 * * *", None)

    @pytest.mark.parametrize(
        "draft",
        [
            ScheduleDraft("nightly", PLAIN.name, Cron("bad", "UTC")),
            ScheduleDraft("nightly", PLAIN.name, MINUTE, payload={"n": "many"}),
        ],
    )
    def test_what_cannot_be_is_refused(self, ensured: Ensured, draft: ScheduleDraft) -> None:
        with pytest.raises(InvalidInput):
            ensured(draft)
        assert ensured.rows == []
