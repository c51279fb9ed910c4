"""An installation with kinds of jobs to ask for, and whoever claims them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.config import Settings
from gateway.db.paging import every
from gateway.installation import Installation
from gateway.jobs.kind import Kind
from gateway.jobs.models import JobState
from gateway.jobs.queue.claim import ClaimedJob, JobClaimer
from gateway.jobs.queue.held import Held, Outcome, record
from gateway.jobs.queue.look import next_due_us
from gateway.jobs.request import request_job
from gateway.jobs.search import show_job
from gateway.jobs.summary import JobSummary
from gateway.tenants.acting import Acting, SystemActing, act, act_for_system
from gateway.tenants.audit_trail.search import AuditSearch, find_audit
from gateway.tenants.models import DEFAULT_TENANT
from tests.integration.jobs.kinds import PLAIN
from tests.services.acting import TESTER


@dataclass
class Work:
    """The jobs of one test, with one process that claims."""

    installation: Installation
    clock: FakeClock
    claimer: JobClaimer = field(default_factory=lambda: JobClaimer("here:1"))

    def acting(self, tenant: str = DEFAULT_TENANT, *, write: bool = True) -> AbstractContextManager[Acting]:
        return act(self.installation, actor=TESTER, tenant=tenant, write=write)

    def system(self, *, write: bool = True) -> AbstractContextManager[SystemActing]:
        return act_for_system(self.installation, actor=TESTER, write=write)

    def ask(self, kind: Kind = PLAIN, tenant: str = DEFAULT_TENANT, n: int = 0, **values: Any) -> JobSummary:
        with self.acting(tenant) as acting:
            return request_job(acting, kind, {"n": n}, **values)

    def claim(self, kind: Kind = PLAIN, free: int = 1, claimer: JobClaimer | None = None) -> list[ClaimedJob]:
        with self.installation.database.write() as connection:
            return (claimer or self.claimer).claim(connection, kind, free, now_us=self.clock.now_us())

    def end(self, job: ClaimedJob, state: JobState = JobState.SUCCEEDED, **values: Any) -> bool:
        """Whether it was still held."""
        with self.installation.database.write() as connection:
            outcome = Outcome(Held(job.id, job.token), state, **values)
            return not record(connection, [outcome], now_us=self.clock.now_us())

    def show(self, job: JobSummary | ClaimedJob) -> JobSummary:
        with self.system(write=False) as acting:
            return show_job(acting, job.id)

    def counted(self) -> list[int]:
        """The numbers that jobs counted, in their order."""
        with self.acting(write=False) as acting:
            found = every(lambda page: find_audit(acting, AuditSearch(action="test.counted"), page))
            return [int(row.object_id) for row in reversed(list(found))]

    def next_due_us(self, *kinds: Kind) -> int | None:
        with self.installation.database.read() as connection:
            found = next_due_us(connection, [kind.name for kind in kinds or (PLAIN,)])
            return min(found.values(), default=None)


@pytest.fixture
def work(settings: Settings, fake_clock: FakeClock) -> Iterator[Work]:
    with Installation(settings, clock=fake_clock) as installation:
        yield Work(installation, fake_clock)
