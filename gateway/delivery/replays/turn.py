"""One step of a replay that is held: some events, what became of the replay, and its lease, in one transaction.

A process that is killed between two steps leaves the replay as the last one committed it, and another worker goes on
from there: no event is replayed twice, and none is left out.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import NamedTuple

from sqlalchemy import select

from gateway.clock import from_us
from gateway.db import lease
from gateway.delivery.event_replay.counts import ReplayCounts
from gateway.delivery.event_replay.replay import BATCH, replay_next
from gateway.delivery.replays.claim import LEASE_SECONDS, Claim
from gateway.delivery.replays.draft import aim_of, which_of
from gateway.delivery.replays.models import Replay, ReplayState
from gateway.tenants.acting import Acting


class Turn(NamedTuple):
    """`is_over`: nothing is left to do, or the replay is lost. `destinations` are the ids of those that got more."""

    is_over: bool
    destinations: frozenset[str] = frozenset()


def take_turn(acting: Acting, held: Claim) -> Turn:
    """Replay some more events. Raises `NotFound`, `InvalidInput` where it cannot go on."""
    row = _held(acting, held)
    if row is None:
        return Turn(is_over=True)
    step = replay_next(acting, which_of(row.asked), aim_of(row.asked), after=row.position, plans=row.is_plan)
    row.counts = asdict(ReplayCounts(**row.counts) + step.counts)
    if step.last is not None:
        row.position, row.reached_at = step.last.id, step.last.received_at
    if step.counts.events < BATCH:
        _end(acting, row, ReplayState.SUCCEEDED)
        return Turn(is_over=True)
    row.scheduled_at = acting.now
    row.lease_expires_at = from_us(lease.expires_at_us(acting.now_us, LEASE_SECONDS))
    return Turn(is_over=False, destinations=frozenset() if row.is_plan else step.destinations)


def give_up(acting: Acting, held: Claim, detail: str) -> None:
    """It cannot go on, for the reason in `detail`. What was done stays done."""
    row = _held(acting, held)
    if row is not None:
        row.detail = detail
        _end(acting, row, ReplayState.FAILED)


def _held(acting: Acting, held: Claim) -> Replay | None:
    """The row, locked; None when it was cancelled, or is somebody else's."""
    mine = select(Replay).where(Replay.id == held.id, Replay.lease_token == held.token)
    return acting.session.scalars(mine.with_for_update()).first()


def _end(acting: Acting, row: Replay, state: ReplayState) -> None:
    row.state, row.finished_at = state, acting.now
    row.lease_token = row.lease_expires_at = None
    acting.session.flush()
    acting.audit("replay.ended", row.id, after={"state": state, "is_plan": row.is_plan, **row.counts})
