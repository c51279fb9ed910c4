"""Replays of many events: asked for, stopped, found. Workers carry them out (`runner`)."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import func, select

from gateway.db.paging import Page, PageRequest, page_of
from gateway.delivery.event_replay.replay import WhichEvents, meant
from gateway.delivery.replays.draft import ReplayDraft, as_asked
from gateway.delivery.replays.models import OPEN, Replay, ReplayState
from gateway.delivery.replays.summary import ReplaySummary, summary
from gateway.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting

MOST_OPEN = 100


def start_replay(acting: Acting, draft: ReplayDraft) -> ReplaySummary:
    """Ask for a replay. Events that come from now on are not meant.

    Raises `NotFound` (route, destination), `InvalidInput`, and `Conflict` where many wait already.
    """
    if not draft.is_bounded:
        raise InvalidInput("say which events are meant: by source, type, status, since or until")
    session = acting.session
    chosen = draft.which.filter
    which = WhichEvents(replace(chosen, until=chosen.until or acting.now), draft.which.status)
    meant(session, which, draft.aim)
    waiting = session.scalar(select(func.count()).select_from(Replay).where(Replay.state.in_(OPEN))) or 0
    if waiting >= MOST_OPEN:
        raise Conflict(f"{waiting} replays have not ended yet: wait for some, or cancel them")
    row = Replay(
        id=new_id("rpl"),
        tenant_id=session.tenant_id,
        state=ReplayState.PENDING,
        is_plan=draft.is_plan,
        asked=as_asked(replace(draft, which=which)),
        counts={},
        position="",
        asker_kind=acting.actor.kind,
        asker_id=acting.actor.id,
        asker_name=acting.actor.name,
        created_at=acting.now,
        scheduled_at=acting.now,
    )
    session.add(row)
    session.flush()
    acting.audit("replay.asked", row.id, after={**row.asked, "is_plan": row.is_plan})
    return summary(row)


def cancel_replay(acting: Acting, replay_id: str) -> ReplaySummary:
    """Stop a replay; its worker ends within a second. What was done stays done. Repeating it changes nothing.

    Raises `NotFound`, and `IllegalTransition` for one that has ended.
    """
    row = _require(acting, replay_id)
    if row.state == ReplayState.CANCELLED:
        return summary(row)
    if row.state not in OPEN:
        raise IllegalTransition(f"a replay that has {row.state} cannot become {ReplayState.CANCELLED}")
    row.state, row.finished_at = ReplayState.CANCELLED, acting.now
    row.lease_token = row.lease_expires_at = None
    acting.session.flush()
    acting.audit("replay.cancelled", row.id, after=row.counts)
    return summary(row)


def find_replays(acting: Acting, page: PageRequest, *, state: ReplayState | None = None) -> Page[ReplaySummary]:
    """A page of replays, newest first. Raises `InvalidInput`."""
    statement = select(Replay)
    if state is not None:
        statement = statement.where(Replay.state == state)
    found = page_of(acting.session, statement, Replay.id, page, is_descending=True)
    return Page(tuple(map(summary, found.rows)), found.next_cursor)


def show_replay(acting: Acting, replay_id: str) -> ReplaySummary:
    """One replay. Raises `NotFound`."""
    return summary(_require(acting, replay_id))


def _require(acting: Acting, replay_id: str) -> Replay:
    statement = select(Replay).where(Replay.id == replay_id)
    found = acting.session.scalars(statement.with_for_update() if acting.is_writing else statement).first()
    if found is None:
        raise NotFound(f"there is no replay {replay_id!r}")
    return found
