"""A push: the edits of one integration go out, several calls at a time, until none is due."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, text, update

from gateway.clock import iso
from gateway.db.lease import CLOCK_TOLERANCE_SECONDS
from gateway.entities.external import External
from gateway.entities.marks import forget_marks
from gateway.entities.models import IS_WAITING, LocalChange
from gateway.entities.options import SyncOptions
from gateway.entities.pushing.answers import Answer, Failed
from gateway.entities.pushing.calling import Turn, carry_out
from gateway.entities.pushing.claiming import claim, put_off
from gateway.entities.pushing.settling import blocked_seconds, settle
from gateway.entities.trail import Trail, trail_of
from gateway.jobs.run import JobRun
from gateway.tenants.acting import Acting

FIRST_PER_CALL: Final = 4
MOST_PER_CALL: Final = 32
"""So many turns are taken for each call that may be under way: one transaction for many. The quicker a system answers,
the more; of a slow one little is held, which has to be looked up should this process die.
"""
QUICK_SECONDS: Final = 0.3
GATHER_SECONDS: Final = 0.1
LOOK_EVERY_SECONDS: Final = 1.0

_IS_WAITING = text(f"({IS_WAITING})")


def push(run: JobRun, external: External, options: SyncOptions) -> Mapping[str, Any]:
    """Send what is due of an integration's edits. What it came to, by name (`created`, `updated`, `deleted`, `merged`,
    `missing`, `parked`, `waiting`); `left` is how many edits wait still, `next_at` when the next of them is due, and
    `blocked` why nothing can be sent now.

    Raises `JobInterrupted`, `StorageUnavailable`. What goes wrong with an edit is kept with it.
    """
    return _Push(run, external, options).carry_out()


class _Push:
    def __init__(self, run: JobRun, external: External, options: SyncOptions) -> None:
        self._run, self._external, self._options = run, external, options
        self._answers: queue.SimpleQueue[tuple[Turn, Answer]] = queue.SimpleQueue()
        self._busy: dict[str, Turn] = {}
        self._counts: Counter[str] = Counter()
        self._blocked: Failed | None = None
        self._blocked_until: datetime | None = None
        self._room = options.push_concurrency * FIRST_PER_CALL
        self._has_more = True
        self._looked_at = 0.0
        self._has_created = False

    def carry_out(self) -> dict[str, Any]:
        self._prepare()
        pool = ThreadPoolExecutor(self._options.push_concurrency, thread_name_prefix="push")
        try:
            while True:
                answers = self._gathered()
                if not (answers or self._may_claim()):
                    self._run.checkpoint()
                    continue
                for turn in self._step(answers):
                    self._busy[turn.entity_id] = turn
                    pool.submit(self._call, turn)
                if not self._busy and not self._has_more and not self._woken():
                    return self._result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _call(self, turn: Turn) -> None:
        # What was taken before it was known that nothing can be sent now comes back as it is.
        self._answers.put((turn, self._blocked or carry_out(turn)))

    def _gathered(self) -> list[tuple[Turn, Answer]]:
        """Answers, until there are as many as pay for a transaction, or none came for a moment."""
        enough = min(len(self._busy), max(1, self._room // 2))
        found: list[tuple[Turn, Answer]] = []
        began = time.monotonic()
        while len(found) < enough:
            try:
                found.append(self._answers.get(timeout=GATHER_SECONDS))
            except queue.Empty:
                break
        if enough and len(found) == self._room // 2:
            calls = self._options.push_concurrency
            is_quick = time.monotonic() - began < QUICK_SECONDS
            self._room = min(self._room * 2, calls * MOST_PER_CALL) if is_quick else calls * FIRST_PER_CALL
        return found

    def _may_claim(self) -> bool:
        if self._blocked is not None or len(self._busy) >= self._room:
            return not self._busy
        is_time = self._run.clock.monotonic() - self._looked_at >= LOOK_EVERY_SECONDS
        return self._has_more or is_time or not self._busy

    def _step(self, answers: list[tuple[Turn, Answer]]) -> list[Turn]:
        """One transaction: what came is settled, and the next turns are taken."""
        turns: list[Turn] = []
        with self._run.begin() as acting:
            trail = self._trail(acting)
            settled = settle(trail, answers, self._run.random())
            left = {one: turn for one, turn in self._busy.items() if all(one != done.entity_id for done, _ in answers)}
            counts = self._counts + settled.counts
            blocked = settled.blocked
            turns += settled.again
            room = self._room - len(left) - len(turns)
            has_more = False
            if self._blocked is None and blocked is None and room > 0:
                claimed = claim(trail, self._external, room=room, busy={*left, *(one.entity_id for one in turns)})
                turns += claimed.turns
                has_more = claimed.has_more
                counts["parked"] += claimed.parked
                counts["settled"] += claimed.settled
            if blocked is not None and blocked.after_seconds is not None:
                put_off(trail, self._external, blocked.after_seconds)
            trail.write()
            self._run.progress(sum(counts[name] for name in ("created", "updated", "deleted")))
        # Committed: only now it counts.
        self._busy, self._counts, self._has_more = left, +counts, has_more
        self._looked_at = self._run.clock.monotonic()
        self._has_created = self._has_created or bool(settled.counts["created"])
        if blocked is not None and self._blocked is None:
            self._blocked = blocked
            self._blocked_until = trail.at + timedelta(seconds=blocked_seconds(blocked))
        return turns

    def _woken(self) -> bool:
        """Whether something was made that others wait for: they are due now."""
        if not self._has_created or self._blocked is not None:
            return False
        self._has_created = False
        with self._run.begin() as acting:
            waiting = update(LocalChange).where(_IS_WAITING, LocalChange.instance_id == self._external.instance_id)
            waiting = waiting.where(LocalChange.reason.in_(("waits_for_parent", "parent_failed")))
            found: Any = acting.session.execute(waiting.values(next_attempt_at=acting.now, scheduled_at=acting.now))
            return bool(found.rowcount)

    def _prepare(self) -> None:
        """What was put off by a clock that is ahead is due now; marks that have done their work go."""
        with self._run.begin() as acting:
            forget_marks(acting.session, acting.now)
            limit = acting.now + timedelta(seconds=CLOCK_TOLERANCE_SECONDS)
            waiting = update(LocalChange).where(_IS_WAITING, LocalChange.instance_id == self._external.instance_id)
            waiting = waiting.where(LocalChange.next_attempt_at > acting.now, LocalChange.scheduled_at > limit)
            acting.session.execute(waiting.values(next_attempt_at=acting.now, scheduled_at=acting.now))

    def _trail(self, acting: Acting) -> Trail:
        return trail_of(
            acting.session,
            acting.installation,
            self._external,
            self._options,
            actor_kind=acting.actor.kind,
            actor_name=acting.actor.name,
            at=acting.now,
        )

    def _result(self) -> dict[str, Any]:
        with self._run.begin(write=False) as acting:
            mine = select(func.count(), func.min(LocalChange.next_attempt_at)).where(_IS_WAITING)
            left, next_at = acting.session.execute(
                mine.where(LocalChange.instance_id == self._external.instance_id)
            ).one()
        if self._blocked_until is not None and next_at is not None:
            next_at = max(next_at, self._blocked_until)
        return {
            **self._counts,
            "left": left,
            "next_at": None if next_at is None else iso(next_at),
            "blocked": None if self._blocked is None else self._blocked.code,
        }
