"""Replays of many events are jobs: asked for, counted, carried out, left and gone on with, stopped."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.db.paging import PageRequest
from gateway.delivery.event_replay.aim import Again, Aim
from gateway.delivery.event_replay.counts import ReplayCounts
from gateway.delivery.event_replay.replay import BATCH, WhichEvents
from gateway.delivery.replays.carrying_out import replay
from gateway.delivery.replays.draft import ReplayDraft
from gateway.delivery.replays.kind import REPLAY
from gateway.delivery.replays.management import MOST_OPEN, cancel_replay, find_replays, show_replay, start_replay
from gateway.delivery.replays.summary import ReplaySummary
from gateway.delivery.routes.management import remove_route
from gateway.engines.kinds import KINDS
from gateway.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from gateway.events.search import EventFilter
from gateway.jobs.attempt import interrupted
from gateway.jobs.interruption import Interruption, JobInterrupted, Reason
from gateway.jobs.models import JobState
from gateway.jobs.queue.claim import ClaimedJob, JobClaimer
from gateway.jobs.queue.held import record
from gateway.jobs.run import JobRun
from gateway.jobs.runner import JobRunner
from gateway.jobs.transitions import OPEN
from gateway.tenants.audit_trail.search import AuditSearch, find_audit
from tests.integration.delivery.journals import Journal, came_many
from tests.services.waiting import until

OF_GITHUB = WhichEvents(EventFilter(source="github"))
TO_AUDIT = ReplayDraft(OF_GITHUB, Aim(destination="audit"))


def start(journal: Journal, draft: ReplayDraft = TO_AUDIT) -> ReplaySummary:
    with journal.acting() as acting:
        return start_replay(acting, draft)


def show(journal: Journal, asked: ReplaySummary) -> ReplaySummary:
    with journal.reading() as acting:
        return show_replay(acting, asked.id)


def cancel(journal: Journal, asked: ReplaySummary) -> ReplaySummary:
    with journal.acting() as acting:
        return cancel_replay(acting, asked.id)


def carry_out(journal: Journal, asked: ReplaySummary) -> ReplaySummary:
    """Let a worker do it."""
    runner = JobRunner(journal.installation, KINDS)
    until(lambda: runner.step() >= 0 and show(journal, asked).state not in OPEN, "a worker", every_seconds=0.01)
    return show(journal, asked)


def actions(journal: Journal) -> list[str]:
    with journal.reading() as acting:
        found = find_audit(acting, AuditSearch(action="replay.*"), PageRequest())
        return [row.action for row in reversed(found.rows)]


class AtFirstRest(Interruption):
    """Does something when the replay rests after its first step."""

    def __init__(self, act: Callable[[AtFirstRest], object]) -> None:
        super().__init__()
        self._act: Callable[[AtFirstRest], object] | None = act

    def check(self) -> None:
        super().wait(0)

    def wait(self, seconds: float) -> None:
        if self._act is not None:
            act, self._act = self._act, None
            act(self)
        super().wait(0)


def left_after_the_first_step(journal: Journal, act: Callable[[AtFirstRest], object]) -> tuple[ClaimedJob, Reason]:
    with journal.installation.database.write() as connection:
        [job] = JobClaimer("test").claim(connection, REPLAY, 1, now_us=journal.clock.now_us())
    with pytest.raises(JobInterrupted) as left:
        replay(JobRun(journal.installation, job, AtFirstRest(act)))
    with journal.installation.database.write() as connection:
        assert not record(connection, [interrupted(REPLAY, job, left.value.reason)], now_us=journal.clock.now_us())
    return job, left.value.reason


def test_it_is_counted_and_then_done(journal: Journal) -> None:
    ids = came_many(journal)
    planned = start(journal, ReplayDraft(OF_GITHUB, TO_AUDIT.aim, is_plan=True))
    assert (planned.state, planned.counts, planned.asker_name) == ("pending", ReplayCounts(), "tester")
    told = carry_out(journal, planned)
    assert (told.state, told.counts) == ("succeeded", ReplayCounts(events=len(ids), created=len(ids)))
    assert journal.deliveries() == []
    asked = start(journal)
    journal.clock.advance(1)
    journal.came(0)
    done = carry_out(journal, asked)
    assert (done.state, done.counts) == ("succeeded", told.counts)
    assert done.started_at == done.finished_at != done.created_at
    assert done.reached_at is not None
    assert [one.event_id for one in journal.deliveries()] == ids
    assert actions(journal) == ["replay.asked", "replay.ended"] * 2


def test_what_cannot_be_asked_for(journal: Journal) -> None:
    with pytest.raises(InvalidInput, match="say which events"):
        start(journal, ReplayDraft(aim=TO_AUDIT.aim))
    with pytest.raises(NotFound, match="no destination"):
        start(journal, ReplayDraft(OF_GITHUB, Aim(destination="nowhere")))
    with pytest.raises(InvalidInput, match="brackets"):
        start(journal, ReplayDraft(WhichEvents(EventFilter(type="[")), TO_AUDIT.aim))
    with pytest.raises(NotFound), journal.reading() as acting:
        show_replay(acting, "job_1")
    with journal.reading() as acting:
        assert find_replays(acting, PageRequest()).rows == ()


def test_no_more_may_wait_than_a_hundred(journal: Journal) -> None:
    with journal.acting() as acting:
        for _ in range(MOST_OPEN):
            start_replay(acting, TO_AUDIT)
        with pytest.raises(Conflict, match="100 replays have not ended"):
            start_replay(acting, TO_AUDIT)


def test_left_between_two_steps_it_goes_on_where_it_was(journal: Journal) -> None:
    ids = came_many(journal)
    asked = start(journal, ReplayDraft(OF_GITHUB, Aim(Again.ALL, destination="audit")))
    left_after_the_first_step(journal, lambda rest: rest.interrupt(Reason.ENDING))
    left = show(journal, asked)
    assert (left.state, left.counts) == ("pending", ReplayCounts(events=BATCH, created=BATCH))
    done = carry_out(journal, asked)
    # What was replayed before is not looked at again: with `all` it would be sent once more.
    assert (done.state, done.counts) == ("succeeded", ReplayCounts(events=len(ids), created=len(ids)))
    assert [one.event_id for one in journal.deliveries()] == ids


def test_cancelled_it_makes_nothing_more_from_that_moment(journal: Journal) -> None:
    came_many(journal)
    asked = start(journal)
    cancelled: list[ReplaySummary] = []

    def look_and_cancel(_rest: AtFirstRest) -> None:
        cancelled.append(cancel(journal, asked))
        # Whatever its worker is doing.
        with journal.reading() as acting:
            assert find_replays(acting, PageRequest(), state=JobState.CANCELLED).rows == tuple(cancelled)
            assert find_replays(acting, PageRequest(), state=JobState.RUNNING).rows == ()

    _, reason = left_after_the_first_step(journal, look_and_cancel)
    assert reason is Reason.CANCELLED
    assert (cancelled[0].state, cancelled[0].counts.created) == ("cancelled", BATCH)
    assert cancelled[0].finished_at == journal.installation.now()
    assert len(journal.deliveries()) == BATCH
    assert cancel(journal, asked) == show(journal, asked) == cancelled[0]
    # One that has not begun yet, and one that has ended.
    assert cancel(journal, start(journal)).state == "cancelled"
    ended = start(journal)
    carry_out(journal, ended)
    with pytest.raises(IllegalTransition):
        cancel(journal, ended)
    assert actions(journal).count("replay.cancelled") == 2


def test_it_fails_when_what_it_needs_is_gone(journal: Journal) -> None:
    came_many(journal)
    journal.route()
    asked = start(journal, ReplayDraft(OF_GITHUB, Aim(route="late")))
    left_after_the_first_step(journal, lambda rest: rest.interrupt(Reason.ENDING))
    with journal.acting() as acting:
        remove_route(acting, "late")
    failed = carry_out(journal, asked)
    assert (failed.state, failed.counts.created) == ("failed", BATCH)
    assert "no route 'late'" in (failed.detail or "")
    assert actions(journal) == ["replay.asked", "replay.ended"]
