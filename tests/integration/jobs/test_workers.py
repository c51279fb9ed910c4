"""Workers say that they live, and what they take; who falls silent is seen, and forgotten after a while."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from gateway.jobs.models import WorkerRow
from gateway.jobs.workers.presence import FORGET, FORGET_EVERY, RENEW_SECONDS, Presence, Takes
from gateway.jobs.workers.search import SILENT, SeenWorker, find_workers
from tests.integration.jobs.conftest import Work

TAKES = Takes(deliveries=True, jobs=("purge", "events.replay"))


def present(work: Work, engine: str = "embedded") -> Presence:
    database = work.installation.database
    return Presence(database, work.clock, engine=engine, version="1.2", takes=TAKES)


def seen(work: Work) -> list[SeenWorker]:
    with work.installation.database.read() as connection:
        return find_workers(connection, work.installation.now())


def test_one_that_lives_is_seen_with_what_it_takes(work: Work) -> None:
    began = work.installation.now()
    one = present(work)
    assert one.step() is False
    work.clock.advance(RENEW_SECONDS)
    one.step()
    (worker,) = seen(work)
    assert worker.id.startswith("wrk_")
    assert (worker.host, worker.pid, worker.engine, worker.version) == (
        os.uname().nodename,
        os.getpid(),
        "embedded",
        "1.2",
    )
    assert worker.takes == TAKES
    assert (worker.started_at, worker.seen_at) == (began, began + timedelta(seconds=RENEW_SECONDS))
    assert (worker.consumed_at, worker.is_silent) == (None, False)


def test_an_orderly_end_leaves_no_row(work: Work) -> None:
    one, other = present(work), present(work)
    one.step()
    other.step()
    one.close()
    assert len(seen(work)) == 1
    one.close()
    assert len(seen(work)) == 1


def test_one_that_is_not_heard_of_is_silent_and_forgotten_by_the_others_after_a_while(work: Work) -> None:
    dead, alive = present(work), present(work)
    dead.step()
    work.clock.advance(SILENT.total_seconds() + 1)
    alive.step()
    assert [worker.is_silent for worker in seen(work)] == [True, False]
    work.clock.advance(FORGET.total_seconds())
    for _ in range(FORGET_EVERY):
        alive.step()
    (left,) = seen(work)
    assert not left.is_silent


def test_one_that_was_taken_for_dead_comes_back_as_it_was(work: Work) -> None:
    frozen = present(work)
    frozen.step()
    (before,) = seen(work)
    work.clock.advance(FORGET.total_seconds() + 1)
    present(work).step()
    frozen.step()
    back = {worker.id: worker for worker in seen(work)}[before.id]
    assert (back.started_at, back.is_silent) == (before.started_at, False)


def test_when_a_message_came_is_told_with_the_next_renewal(work: Work) -> None:
    one = present(work, engine="celery")

    def consumed_at() -> datetime | None:
        one.step()
        return seen(work)[0].consumed_at

    assert consumed_at() is None
    work.clock.advance(10)
    one.consumed()
    at = consumed_at()
    assert at == work.installation.now()
    work.clock.advance(10)
    assert consumed_at() == at


@pytest.mark.parametrize("is_wide", [False, True])
def test_what_a_newer_version_says_of_what_it_takes_is_read(work: Work, is_wide: bool) -> None:
    present(work).step()
    with work.installation.database.system_session(write=True) as session:
        session.execute(update(WorkerRow).values(takes={"deliveries": True, "jobs": [], "more": 1} if is_wide else {}))
    assert seen(work)[0].takes == Takes(deliveries=is_wide, jobs=())
