"""Syncs of an integration in memory, each carried out as a job of its own, on a real database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema
from sqlalchemy import func, select

from gateway.clock import FakeClock
from gateway.entities.external import External
from gateway.entities.models import Entity, HistoryEntry, QuarantinedRecord, SyncCursor, SyncPage, SyncRun
from gateway.entities.options import SyncOptions
from gateway.entities.states import RunMode
from gateway.entities.syncing import SyncRequest, sync
from gateway.events.models import Event
from gateway.installation import Installation
from gateway.jobs.interruption import Interruption
from gateway.jobs.kind import Kind
from gateway.jobs.models import JobState
from gateway.jobs.queue.claim import ClaimedJob, JobClaimer
from gateway.jobs.queue.held import Held, Outcome, record
from gateway.jobs.request import request_job
from gateway.jobs.run import JobRun
from gateway.tenants.acting import Acting, act
from tests.services.acting import TESTER
from tests.services.memory_system import MemoryResource, external_of

INSTANCE = "int_memory"


class Nothing(Schema):
    """The payload of these jobs."""


def _nothing(_run: JobRun) -> None:
    return None


SYNC = Kind(name="tests.sync", payload=Nothing, run=_nothing, timeout_seconds=600.0)


class Waits(Interruption):
    """Waits by the clock of the test, and keeps how long."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.waited: list[float] = []

    def wait(self, seconds: float) -> None:
        super().wait(0)
        if seconds:
            self.waited.append(seconds)
            self.clock.advance(seconds)


@dataclass
class Syncs:
    """One integration with its resources."""

    installation: Installation
    clock: FakeClock
    resources: Sequence[MemoryResource]
    options: SyncOptions = field(default_factory=SyncOptions)
    instance_id: str = INSTANCE
    waited: list[float] = field(default_factory=list)

    @property
    def external(self) -> External:
        with self.acting(write=False) as acting:
            return external_of(*self.resources, instance_id=self.instance_id, tenant_id=acting.tenant.id)

    @contextmanager
    def acting(self, *, write: bool = True) -> Iterator[Acting]:
        with act(self.installation, actor=TESTER, write=write) as acting:
            yield acting

    def ask(self) -> ClaimedJob:
        """A job, claimed by this process."""
        with self.acting() as acting:
            request_job(acting, SYNC, {})
        with self.installation.database.write() as connection:
            [job] = JobClaimer("here:1").claim(connection, SYNC, 1, now_us=self.clock.now_us())
        return job

    def run_of(self, job: ClaimedJob, interruption: Interruption | None = None) -> JobRun:
        return JobRun(self.installation, job, interruption or Waits(self.clock))

    def end(self, job: ClaimedJob, state: JobState = JobState.SUCCEEDED) -> None:
        with self.installation.database.write() as connection:
            record(connection, [Outcome(Held(job.id, job.token), state)], now_us=self.clock.now_us())

    def sync(self, mode: RunMode = RunMode.FULL, *, trigger: str = "person", **request: Any) -> Mapping[str, Any]:
        """A whole run, a second later than what was before."""
        self.clock.advance(1)
        job = self.ask()
        waits = Waits(self.clock)
        try:
            asked = SyncRequest(mode=mode, trigger=trigger, **request)
            return sync(self.run_of(job, waits), self.external, self.options, asked)
        finally:
            self.waited = waits.waited
            self.end(job)

    def full(self, **request: Any) -> Mapping[str, Any]:
        return self.sync(RunMode.FULL, **request)

    def incremental(self, **request: Any) -> Mapping[str, Any]:
        return self.sync(RunMode.INCREMENTAL, **request)

    # What is there.

    def entities(self) -> dict[str, Entity]:
        """All, tombstones too, by their external ids."""
        with self.acting(write=False) as acting:
            return {row.integration_id or row.id: row for row in acting.session.scalars(select(Entity))}

    def live(self) -> set[str]:
        return {key for key, row in self.entities().items() if row.deleted_at is None}

    def names(self) -> dict[str, str | None]:
        return {key: row.name for key, row in self.entities().items() if row.deleted_at is None}

    def events(self, prefix: str = "gateway.entity.") -> list[str]:
        with self.acting(write=False) as acting:
            found = select(Event.type).where(Event.type.startswith(prefix)).order_by(Event.id)
            return [str(one) for one in acting.session.scalars(found)]

    def history(self) -> list[HistoryEntry]:
        with self.acting(write=False) as acting:
            return list(acting.session.scalars(select(HistoryEntry).order_by(HistoryEntry.id)))

    def quarantine(self) -> dict[str | None, QuarantinedRecord]:
        with self.acting(write=False) as acting:
            return {row.integration_id: row for row in acting.session.scalars(select(QuarantinedRecord))}

    def runs(self) -> list[SyncRun]:
        with self.acting(write=False) as acting:
            return list(acting.session.scalars(select(SyncRun).order_by(SyncRun.id)))

    def cursor(self, resource: str = "contacts") -> SyncCursor | None:
        with self.acting(write=False) as acting:
            return acting.session.scalars(select(SyncCursor).where(SyncCursor.resource == resource)).first()

    def pages_kept(self) -> int:
        with self.acting(write=False) as acting:
            return acting.session.scalars(select(func.count()).select_from(SyncPage)).one()


def counted(result: Mapping[str, Any], *names: str) -> tuple[int, ...]:
    """Some of a run's counts."""
    return tuple(result["counts"][name] for name in names)
