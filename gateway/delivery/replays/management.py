"""Replays of many events: asked for, stopped, found. Each is a job, which a worker carries out."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import func, select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.delivery.event_replay.replay import WhichEvents, meant
from gateway.delivery.replays.draft import ReplayDraft, as_asked
from gateway.delivery.replays.kind import REPLAY
from gateway.delivery.replays.summary import ReplaySummary, summary
from gateway.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from gateway.jobs.management import leave
from gateway.jobs.models import Job, JobState
from gateway.jobs.request import Holder, request_job
from gateway.jobs.summary import JobSummary
from gateway.jobs.transitions import OPEN
from gateway.tenants.acting import Acting

MOST_OPEN = 100


def start_replay(acting: Acting, draft: ReplayDraft) -> ReplaySummary:
    """Ask for a replay, as `ask_for_replay`; as it is shown."""
    return show_replay(acting, ask_for_replay(acting, draft).id)


def ask_for_replay(acting: Acting, draft: ReplayDraft, *, holder: Holder | None = None) -> JobSummary:
    """Ask for a replay. Events that come from now on are not meant.

    Raises `NotFound` (route, destination), `InvalidInput`, and `Conflict` where many wait already.
    """
    if not draft.is_bounded:
        raise InvalidInput("say which events are meant: by source, type, status, since or until")
    session = acting.session
    chosen = draft.which.filter
    which = WhichEvents(replace(chosen, until=chosen.until or acting.now), draft.which.status)
    meant(session, which, draft.aim)
    # Written out: a partial index is used only where the statement repeats its condition.
    waiting = sum(
        session.scalar(select(func.count()).select_from(Job).where(Job.state == state, Job.kind == REPLAY.name)) or 0
        for state in OPEN
    )
    if waiting >= MOST_OPEN:
        raise Conflict(f"{waiting} replays have not ended yet: wait for some, or cancel them")
    asked = {**as_asked(replace(draft, which=which)), "is_plan": draft.is_plan}
    job = request_job(acting, REPLAY, asked, holder=holder)
    acting.audit("replay.asked", job.id, after=asked)
    return job


def cancel_replay(acting: Acting, replay_id: str) -> ReplaySummary:
    """Stop a replay, from this moment. What was done stays done. Repeating it changes nothing.

    Raises `NotFound`, and `IllegalTransition` for one that has ended.
    """
    row = _require(acting, replay_id)
    found = summary(row)
    if found.state is JobState.CANCELLED:
        return found
    if row.state not in OPEN:
        raise IllegalTransition(f"a replay that has {row.state} cannot become {JobState.CANCELLED}")
    leave(acting, row)
    cancelled = summary(row)
    acting.audit("replay.cancelled", row.id, after=cancelled.counts)
    return cancelled


def find_replays(acting: Acting, page: PageRequest, *, state: JobState | None = None) -> Page[ReplaySummary]:
    """A page of replays, newest first. Raises `InvalidInput`."""
    statement = select(Job).where(Job.kind == REPLAY.name)
    if state is not None:
        is_left = Job.cancel_requested_at.is_not(None)
        statement = statement.where(
            (Job.state == state) | ((Job.state == JobState.RUNNING) & is_left)
            if state is JobState.CANCELLED
            else (Job.state == state) & ~is_left
        )
    found = page_of(acting.session, statement, Job.id, page, is_descending=True)
    return Page(tuple(map(summary, found.rows)), found.next_cursor)


def show_replay(acting: Acting, replay_id: str) -> ReplaySummary:
    """One replay. Raises `NotFound`."""
    return summary(_require(acting, replay_id))


def _require(acting: Acting, replay_id: str) -> Job:
    statement = select(Job).where(Job.id == replay_id, Job.kind == REPLAY.name)
    found = acting.session.scalars(statement.with_for_update() if acting.is_writing else statement).first()
    if found is None:
        raise NotFound(f"there is no replay {replay_id!r}")
    return found
