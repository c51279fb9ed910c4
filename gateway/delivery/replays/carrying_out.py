"""Carrying out a replay: some events, how far it is, and its counts in one transaction, at the pace that leaves live
deliveries their place. Taken over, it goes on behind the last event that was committed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from functools import partial

from gateway.delivery.event_replay.counts import ReplayCounts
from gateway.delivery.event_replay.pace import Pace
from gateway.delivery.event_replay.replay import BATCH, replay_next
from gateway.delivery.replays.draft import aim_of, which_of
from gateway.delivery.replays.reached import NOTHING, Reached
from gateway.errors import InvalidInput
from gateway.jobs.kind import Result
from gateway.jobs.models import JobState
from gateway.jobs.run import JobRun


def replay(run: JobRun) -> Result:
    """Replay what the job's payload asks for. Raises `NotFound`, `InvalidInput` where it cannot go on."""
    pace = Pace(partial(run.begin, write=False), run.clock, run.sleep)
    try:
        while not (reached := _reached(run)).is_over:
            destinations = _step(run, reached)
            if not run.payload["is_plan"]:
                pace.wait(destinations)
    except InvalidInput:
        # A tenant that is being erased takes its replays with it.
        with suppress(InvalidInput), run.begin() as acting:
            acting.audit("replay.ended", run.id, after=_ended(run, JobState.FAILED, _reached(run)))
        raise
    return asdict(_reached(run).counts)


def _step(run: JobRun, reached: Reached) -> frozenset[str]:
    """Replay some more events; the ids of the destinations that got more to do."""
    asked = run.payload
    with run.begin() as acting:
        step = replay_next(acting, which_of(asked), aim_of(asked), after=reached.after, plans=asked["is_plan"])
        now_reached = Reached(
            after=reached.after if step.last is None else step.last.id,
            at=reached.at if step.last is None else step.last.received_at,
            counts=reached.counts + step.counts,
            is_over=step.counts.events < BATCH,
        )
        run.position = now_reached.as_position()
        run.progress(now_reached.counts.events, line=now_reached.line)
        if now_reached.is_over:
            acting.audit("replay.ended", run.id, after=_ended(run, JobState.SUCCEEDED, now_reached))
    return step.destinations


def _reached(run: JobRun) -> Reached:
    return NOTHING if run.position is None else Reached.of(run.position)


def _ended(run: JobRun, state: JobState, reached: Reached) -> dict[str, object]:
    counts: ReplayCounts = reached.counts
    return {"state": state, "is_plan": run.payload["is_plan"], **asdict(counts)}
