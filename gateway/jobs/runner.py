"""Carrying out jobs beside a worker's deliveries.

        ended attempts                       claims
      ┌───────────────► one thread (queue) ─────────► a thread for each job ─┐
      │                  renews, takes over                (or its process)  │
      └───────────────────────────────────────────────────────────────────────┘

The queue's thread asks the database when it is woken, when an attempt has ended, when the next job is known to be due,
and every few seconds. Everything here steps back behind deliveries.

Shutdown, in this order: claim nothing more; have every job left at its next checkpoint; record what came of them, so
that others go on at once. The lease of one that does not come to a checkpoint in time ends by itself.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from gateway.clock import MICROSECONDS
from gateway.errors import StorageUnavailable
from gateway.installation import Installation
from gateway.jobs.attempt import carry_out, interrupted, put_off
from gateway.jobs.child_process import carry_out_in_child
from gateway.jobs.endings import Endings
from gateway.jobs.interruption import Interruption, Reason
from gateway.jobs.kind import Kind
from gateway.jobs.leases import Leases
from gateway.jobs.models import UNKNOWN_KIND, JobState
from gateway.jobs.process_name import process_name
from gateway.jobs.queue.claim import ClaimedJob, JobClaimer
from gateway.jobs.queue.held import Held, Outcome
from gateway.jobs.queue.look import is_anything_of_another_time, next_due_us, pull_back
from gateway.jobs.queue.takeover import SilenceWatch, take_back
from gateway.jobs.run import JobRun
from gateway.jobs.transitions import OPEN
from gateway.priority import step_back
from gateway.telemetry.logging import get_logger

SLOTS = 4
# So many jobs that wait nearly all of their time are held beside those, a thread each.
RESIDENTS = 64
LOOK_SECONDS = 3.0
SWEEP_SECONDS = 5.0
STORAGE_SECONDS = 1.0
# So long a job has its slot while others wait, if its kind gives way.
TURN_SECONDS = 10.0
# How long a job in a thread may take to its next checkpoint once it is to be left.
LEAVE_SECONDS = 10.0

_log = get_logger(__name__)


@dataclass(slots=True)
class _Running:
    """An attempt under way. `leave_by` is when its thread is given up, once it is to be left."""

    kind: Kind
    job: ClaimedJob
    interruption: Interruption
    began_at: float
    leave_by: float | None = None


class JobRunner:
    """One per worker process. `kinds` by their names; of these it takes those in `takes`, all unless given."""

    def __init__(
        self,
        installation: Installation,
        kinds: Mapping[str, Kind],
        *,
        takes: Collection[str] | None = None,
        slots: int = SLOTS,
    ) -> None:
        self._installation = installation
        self._database, self._clock = installation.database, installation.clock
        self._kinds = {name: kind for name, kind in kinds.items() if takes is None or name in takes}
        self._slots = slots
        self._claimer = JobClaimer(process_name())
        self._leases = Leases(self._database, self._clock)
        self._watch = SilenceWatch(self._clock)
        self._running: dict[Held, _Running] = {}
        self._ended: SimpleQueue[Outcome] = SimpleQueue()
        self._endings = Endings(self._database, self._clock, self._leases, self._count)
        self._woken = threading.Event()
        self._is_ending = threading.Event()
        self._sweep_at = self._clock.monotonic()
        self._turn = 0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Carry out jobs in threads of its own until `close`."""
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """A job became due. From any thread; blocks nobody."""
        self._woken.set()

    def stop(self) -> None:
        """Claim nothing more, and have all jobs left. Returns at once; idempotent."""
        self._is_ending.set()
        self._woken.set()

    def close(self) -> None:
        """Stop, and wait until what can be recorded is. Idempotent."""
        self.stop()
        if self._thread is not None:
            self._thread.join(LEAVE_SECONDS + STORAGE_SECONDS)

    def step(self) -> float:
        """One pass: record what ended, keep leases, claim what there is room for. How long to wait for the next one.

        Raises `StorageUnavailable`; nothing is lost by it.
        """
        self._collect()
        self._leases.renew_if_due()
        self._leave_late_ones()
        if self._is_ending.is_set():
            for running in self._running.values():
                running.interruption.interrupt(Reason.ENDING)
            self._record_and_claim([])
            return LOOK_SECONDS / 10
        self._sweep()
        if self._free_slots() <= 0:
            self._record_and_claim(self._due_residents())
            self._give_way()
            return LOOK_SECONDS
        return self._take()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way or to be recorded."""
        return not self._running and not self._endings and self._ended.empty()

    def _run(self) -> None:
        step_back()
        give_up_at: float | None = None
        while True:
            self._woken.clear()
            try:
                pause_seconds = self.step()
            except StorageUnavailable:
                # Whoever delivers says so.
                pause_seconds = STORAGE_SECONDS
            except Exception:
                # A defect of ours costs nobody a delivery.
                _log.exception("jobs could not be looked for")
                pause_seconds = LOOK_SECONDS
            if self._is_ending.is_set():
                give_up_at = give_up_at or self._clock.monotonic() + LEAVE_SECONDS
                if self.is_idle or self._clock.monotonic() >= give_up_at:
                    break
            self._woken.wait(pause_seconds)
        if not self.is_idle:
            left = [running.job.id for running in self._running.values()]
            _log.warning("jobs did not come to a checkpoint; others go on when their leases have ended", job_ids=left)

    def _collect(self) -> None:
        while True:
            try:
                outcome = self._ended.get_nowait()
            except Empty:
                return
            # One whose thread was given up has had its outcome.
            if (running := self._running.pop(outcome.held, None)) is not None:
                self._endings.add(outcome, running.kind.name)

    def _leave_late_ones(self) -> None:
        now = self._clock.monotonic()
        for held, running in list(self._running.items()):
            if now - running.began_at >= running.kind.timeout_seconds:
                running.interruption.interrupt(Reason.TIMED_OUT)
            reason = running.interruption.reason
            if reason in (None, Reason.ENDING, Reason.GIVES_WAY):
                continue
            running.leave_by = running.leave_by or now + LEAVE_SECONDS
            if now >= running.leave_by:
                _log.error(
                    "a job does not come to a checkpoint; its thread is left to itself, and commits nothing more",
                    job_id=held.id,
                    kind=running.kind.name,
                    reason=reason,
                )
                del self._running[held]
                self._endings.add(interrupted(running.kind, running.job, reason), running.kind.name)

    def _sweep(self) -> None:
        now = self._clock.monotonic()
        if now < self._sweep_at:
            return
        self._sweep_at = now + SWEEP_SECONDS
        now_us = self._clock.now_us()
        with self._database.read() as connection:
            silent = self._watch.look(connection)
            is_to_be_pulled_back = is_anything_of_another_time(connection, now_us)
        if not silent and not is_to_be_pulled_back:
            return
        with self._database.write() as connection:
            taken = take_back(connection, silent.items(), now_us=now_us)
            pull_back(connection, now_us)
        for job in taken:
            _log.warning("the process of a job died", job_id=job.id, kind=job.kind, state=job.state)
            if job.state not in OPEN:
                self._count(job.kind, job.state)

    def _give_way(self) -> None:
        """While others wait, who has had its slot for longest goes to the end of the queue."""
        now = self._clock.monotonic()
        had_their_turn = [one for one in self._running.values() if one.kind.gives_way]
        had_their_turn = [one for one in had_their_turn if now - one.began_at >= TURN_SECONDS]
        now_us = self._clock.now_us()
        if had_their_turn and any(at <= now_us for at in self._next_due().values()):
            min(had_their_turn, key=lambda one: one.began_at).interruption.interrupt(Reason.GIVES_WAY)

    def _free_slots(self, kind: Kind | None = None) -> int:
        """How many more may begin: of `kind`, or of those that are no residents."""
        residents = sum(1 for one in self._running.values() if one.kind.is_resident)
        if kind is not None and kind.is_resident:
            return RESIDENTS - residents
        return self._slots - (len(self._running) - residents)

    def _due_residents(self) -> list[Kind]:
        residents = [kind for kind in self._kinds.values() if kind.is_resident and self._free_slots(kind) > 0]
        if not residents:
            return []
        now_us, next_due = self._clock.now_us(), self._next_due()
        return [kind for kind in residents if next_due.get(kind.name, now_us + 1) <= now_us]

    def _next_due(self) -> Mapping[str, int]:
        with self._database.read() as connection:
            return next_due_us(connection, list(self._kinds))

    def _take(self) -> float:
        """Claim for the free slots; how long to wait for the next look."""
        now_us = self._clock.now_us()
        next_due = self._next_due()
        due = [self._kinds[name] for name in self._kinds if next_due.get(name, now_us + 1) <= now_us]
        self._turn += 1
        start = self._turn % len(due) if due else 0
        if self._record_and_claim(due[start:] + due[:start]):
            return 0.0
        later = [(at - now_us) / MICROSECONDS for at in next_due.values() if at > now_us]
        # Not all workers at once.
        return min([LOOK_SECONDS * (1 + random.random() / 4), *later])  # noqa: S311 (not for secrets)

    def _record_and_claim(self, due: Sequence[Kind]) -> bool:
        """Whether something was claimed and there is room for more. What ended and the first claim share a
        transaction.
        """
        if not due and self._endings:
            self._end_and_claim(None, 0)
        is_any = False
        for kind in due:
            free = self._free_slots(kind)
            if free <= 0:
                continue
            jobs = self._end_and_claim(kind, free)
            for job in jobs:
                self._begin(kind, job)
            is_any = is_any or bool(jobs)
        return is_any and self._free_slots() > 0

    def _end_and_claim(self, kind: Kind | None, free: int) -> Sequence[ClaimedJob]:
        try:
            with self._database.write() as connection:
                late = self._endings.write(connection)
                now_us = self._clock.now_us()
                jobs = [] if kind is None else self._claimer.claim(connection, kind, free, now_us=now_us)
        except StorageUnavailable:
            raise
        except Exception:
            if not self._endings:
                raise
            _log.exception("what came of jobs could not be recorded together; recording each alone")
            self._endings.write_alone()
            return []
        self._endings.written(late)
        return jobs

    def _count(self, kind: str, state: JobState) -> None:
        # Of what takes back others' jobs, kinds of other versions are one.
        self._installation.metrics.job_finished(kind if kind in self._kinds else UNKNOWN_KIND, state)

    def _begin(self, kind: Kind, job: ClaimedJob) -> None:
        running = _Running(kind, job, Interruption(), self._clock.monotonic())
        self._running[job.held] = running
        self._leases.hold(job.held, running.interruption)
        try:
            threading.Thread(target=self._carry_out, args=(running,), name=f"job {job.kind}", daemon=True).start()
        except RuntimeError as fault:
            _log.error("a job has no thread; it goes on later", job_id=job.id, kind=kind.name, error=str(fault))
            self._ended.put(put_off(job))
            self._woken.set()

    def _carry_out(self, running: _Running) -> None:
        step_back()
        kind, job, interruption = running.kind, running.job, running.interruption
        if kind.in_process:
            outcome = carry_out_in_child(self._installation.settings, kind, job, interruption, self._clock)
        else:
            outcome = carry_out(kind, job, JobRun(self._installation, job, interruption))
        self._ended.put(outcome)
        self._woken.set()
