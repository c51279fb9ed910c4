"""Replays of many events that workers carry out: to the end, killed, stopped, raced, in turn with other tenants'."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from threading import Barrier, Thread

import pytest

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.paging import PageRequest
from gateway.delivery.event_replay.aim import Again, Aim
from gateway.delivery.event_replay.counts import ReplayCounts
from gateway.delivery.event_replay.replay import BATCH, WhichEvents
from gateway.delivery.replays.claim import LEASE_SECONDS, Claim, claim, keep, let_go
from gateway.delivery.replays.draft import ReplayDraft
from gateway.delivery.replays.management import MOST_OPEN, cancel_replay, show_replay, start_replay
from gateway.delivery.replays.models import ReplayState
from gateway.delivery.replays.retention import purge_replays
from gateway.delivery.replays.runner import ReplayRunner
from gateway.delivery.replays.summary import ReplaySummary
from gateway.delivery.replays.turn import take_turn
from gateway.delivery.routes.management import remove_route
from gateway.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from gateway.events.search import EventFilter
from gateway.installation import Installation
from gateway.tenants.acting import act
from gateway.tenants.audit_trail.search import AuditSearch, find_audit
from gateway.tenants.models import DEFAULT_TENANT
from tests.integration.delivery.journals import Journal, came_many
from tests.services.acting import TESTER, add_tenant

OF_GITHUB = WhichEvents(EventFilter(source="github"))
TO_AUDIT = ReplayDraft(OF_GITHUB, Aim(destination="audit"))


def start(journal: Journal, draft: ReplayDraft = TO_AUDIT, tenant: str = DEFAULT_TENANT) -> ReplaySummary:
    with journal.acting(tenant) as acting:
        return start_replay(acting, draft)


def show(journal: Journal, replay: ReplaySummary) -> ReplaySummary:
    with journal.reading() as acting:
        return show_replay(acting, replay.id)


def claimed(journal: Journal) -> Claim | None:
    return claim(journal.installation.database, journal.clock.now_us())


def turn(journal: Journal, held: Claim) -> bool:
    """Whether anything is left to do after another step."""
    with journal.acting() as acting:
        return not take_turn(acting, held).is_over


def actions(journal: Journal) -> list[str]:
    with journal.reading() as acting:
        found = find_audit(acting, AuditSearch(action="replay.*"), PageRequest())
        return [row.action for row in reversed(found.rows)]


def test_it_is_counted_and_then_done(journal: Journal) -> None:
    ids = came_many(journal)
    runner = ReplayRunner(journal.installation)
    planned = start(journal, ReplayDraft(OF_GITHUB, TO_AUDIT.aim, is_plan=True))
    assert (planned.state, planned.counts, planned.asker_name) == ("pending", ReplayCounts(), "tester")
    assert runner.step() is True
    told = show(journal, planned)
    assert (told.state, told.counts) == ("succeeded", ReplayCounts(events=len(ids), created=len(ids)))
    assert journal.deliveries() == []
    asked = start(journal)
    journal.clock.advance(1)
    journal.came(0)
    assert runner.step() is True
    done = show(journal, asked)
    assert (done.state, done.counts) == ("succeeded", told.counts)
    assert done.started_at == done.finished_at != done.created_at
    assert [one.event_id for one in journal.deliveries()] == ids
    assert runner.step() is False
    assert actions(journal) == ["replay.asked", "replay.ended"] * 2


def test_what_cannot_be_asked_for(journal: Journal) -> None:
    with pytest.raises(InvalidInput, match="say which events"):
        start(journal, ReplayDraft(aim=TO_AUDIT.aim))
    with pytest.raises(NotFound, match="no destination"):
        start(journal, ReplayDraft(OF_GITHUB, Aim(destination="nowhere")))
    with pytest.raises(InvalidInput, match="brackets"):
        start(journal, ReplayDraft(WhichEvents(EventFilter(type="[")), TO_AUDIT.aim))
    with pytest.raises(NotFound), journal.reading() as acting:
        show_replay(acting, "rpl_1")
    assert claimed(journal) is None


def test_no_more_may_wait_than_a_hundred(journal: Journal) -> None:
    with journal.acting() as acting:
        for _ in range(MOST_OPEN):
            start_replay(acting, TO_AUDIT)
        with pytest.raises(Conflict, match="100 replays have not ended"):
            start_replay(acting, TO_AUDIT)


def test_killed_between_two_steps_it_goes_on_where_it_was(journal: Journal) -> None:
    ids = came_many(journal)
    asked = start(journal, ReplayDraft(OF_GITHUB, Aim(Again.ALL, destination="audit")))
    child = os.fork()
    if child == 0:
        try:
            _die_in_the_second_step(journal.installation.settings)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert show(journal, asked).counts == ReplayCounts(events=BATCH, created=BATCH)
    runner = ReplayRunner(journal.installation)
    # Whoever held it may still live.
    journal.clock.advance(LEASE_SECONDS - 1)
    assert runner.step() is False
    journal.clock.advance(1)
    assert runner.step() is True
    done = show(journal, asked)
    # What was replayed before the kill is not looked at again: with `all` it would be sent once more.
    assert (done.state, done.counts) == ("succeeded", ReplayCounts(events=len(ids), created=len(ids)))
    assert [one.event_id for one in journal.deliveries()] == ids


def _die_in_the_second_step(settings: Settings) -> None:
    clock = FakeClock()
    with Installation(settings, clock=clock) as installation:
        held = claim(installation.database, clock.now_us())
        assert held is not None
        for number in (1, 2):
            with act(installation, actor=TESTER, write=True) as acting:
                take_turn(acting, held)
                acting.session.flush()
                if number == 2:
                    # All of it is written, nothing is committed.
                    os.kill(os.getpid(), signal.SIGKILL)


def test_cancelled_it_makes_nothing_more(journal: Journal) -> None:
    came_many(journal)
    asked = start(journal)
    held = claimed(journal)
    assert held is not None
    assert turn(journal, held) is True
    with journal.acting() as acting:
        cancelled = cancel_replay(acting, asked.id)
    assert (cancelled.state, cancelled.counts.created) == ("cancelled", BATCH)
    assert turn(journal, held) is False
    assert keep(journal.installation.database, held, journal.clock.now_us()) is False
    assert len(journal.deliveries()) == BATCH
    with journal.acting() as acting:
        assert cancel_replay(acting, asked.id) == show(journal, asked) == cancelled
    # One that has not begun yet, and one that has ended.
    waiting = start(journal)
    with journal.acting() as acting:
        cancel_replay(acting, waiting.id)
    assert claimed(journal) is None
    ended = start(journal)
    ReplayRunner(journal.installation).step()
    with pytest.raises(IllegalTransition), journal.acting() as acting:
        cancel_replay(acting, ended.id)
    assert actions(journal).count("replay.cancelled") == 2


def test_of_two_workers_one_takes_it_and_of_each_tenant_one_goes(journal: Journal) -> None:
    ids = came_many(journal)
    first, second = start(journal), start(journal)
    add_tenant(journal.installation.database, journal.clock, "acme")
    other = start(journal, ReplayDraft(OF_GITHUB), tenant="acme")
    ready, held = Barrier(4), []

    def take() -> None:
        ready.wait()
        held.append(claimed(journal))

    threads = [Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Who met at the index looks again.
    held += [claimed(journal), claimed(journal)]
    mine = [one for one in held if one is not None]
    assert len({one.id for one in mine}) == len(mine) == 2
    assert {one.id for one in mine} >= {other.id}
    assert {show(journal, one).state for one in (first, second)} == {ReplayState.PENDING, ReplayState.RUNNING}
    for one in mine:
        let_go(journal.installation.database, one, journal.clock.now_us())
    runners = [ReplayRunner(journal.installation) for _ in range(2)]
    workers = [Thread(target=lambda one=one: [one.step() for _ in range(3)]) for one in runners]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    while runners[0].step():
        pass
    assert {show(journal, one).state for one in (first, second)} == {ReplayState.SUCCEEDED}
    assert [one.event_id for one in journal.deliveries()] == ids
    counts = show(journal, first).counts + show(journal, second).counts
    assert (counts.events, counts.created) == (2 * len(ids), len(ids))


def test_a_long_one_lets_others_have_their_turn(settings: Settings, journal: Journal) -> None:
    came_many(journal)
    long = start(journal)
    add_tenant(journal.installation.database, journal.clock, "acme")
    journal.clock.advance(1)
    start(journal, ReplayDraft(OF_GITHUB), tenant="acme")
    with Installation(settings, clock=_Hurrying()) as installation:
        runner = ReplayRunner(installation)
        assert runner.step() is True
        after_its_slice = show(journal, long)
        assert (after_its_slice.state, after_its_slice.counts.events) == ("running", BATCH)
        next_one = claim(installation.database, installation.clock.now_us())
        assert next_one is not None
        assert next_one.id != long.id
        while runner.step():
            pass
    assert show(journal, long).state == "succeeded"


class _Hurrying(FakeClock):
    """Six seconds pass with each look."""

    def monotonic(self) -> float:
        self.advance(6)
        return super().monotonic()


def test_it_fails_when_what_it_needs_is_gone(journal: Journal) -> None:
    came_many(journal)
    journal.route()
    asked = start(journal, ReplayDraft(OF_GITHUB, Aim(route="late")))
    held = claimed(journal)
    assert held is not None
    assert turn(journal, held) is True
    with journal.acting() as acting:
        remove_route(acting, "late")
    let_go(journal.installation.database, held, journal.clock.now_us())
    runner = ReplayRunner(journal.installation)
    assert runner.step() is True
    failed = show(journal, asked)
    assert (failed.state, failed.counts.created) == ("failed", BATCH)
    assert "no route 'late'" in (failed.detail or "")
    assert runner.step() is False


def test_one_that_stops_lets_go(settings: Settings, journal: Journal) -> None:
    came_many(journal)
    asked = start(journal)
    clock = _Stopping()
    with Installation(settings, clock=clock) as installation:
        clock.runner = ReplayRunner(installation)
        assert clock.runner.step() is True
    assert show(journal, asked).counts.events == BATCH
    # At once, without waiting for the lease to end.
    assert ReplayRunner(journal.installation).step() is True
    assert show(journal, asked).state == "succeeded"


class _Stopping(FakeClock):
    """Tells the runner to stop when it has begun."""

    runner: ReplayRunner | None = None

    def monotonic(self) -> float:
        if self.runner is not None:
            self.runner.stop()
        return super().monotonic()


def test_those_that_ended_long_ago_are_forgotten(journal: Journal) -> None:
    database = journal.installation.database
    ended = start(journal)
    ReplayRunner(journal.installation).step()
    journal.clock.advance(60)
    waiting = start(journal)
    now = journal.installation.now()
    assert list(purge_replays(database, now - timedelta(seconds=61))) == []
    assert list(purge_replays(database, now, tenant_id="ten_other")) == []
    assert list(purge_replays(database, now + timedelta(hours=1))) == [1]
    assert show(journal, waiting).state == "pending"
    with pytest.raises(NotFound):
        show(journal, ended)
