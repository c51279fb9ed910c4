"""What a job is given: its payload, where it is, transactions that only its holder can commit, and sleep."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Table, update

from gateway.clock import Clock
from gateway.db.model import SYSTEM
from gateway.installation import Installation
from gateway.jobs.interruption import Interruption, JobInterrupted, Reason
from gateway.jobs.models import Job
from gateway.jobs.queue.claim import ClaimedJob
from gateway.jobs.queue.held import Standing, standing
from gateway.tenants.acting import Acting, SystemActing, act, act_for_system

TELL_SECONDS = 1.0

OnProgress = Callable[[int, "int | None", "str | None"], None]

_JOBS: Table = Job.__table__  # type: ignore[assignment]
_LEFT = {Standing.LOST: Reason.LOST, Standing.CANCELLED: Reason.CANCELLED}


class JobRun:
    """One attempt of a job, for one thread. What is done in it is done by whoever asked for the job.

    `payload` is what was asked for; `tenant` the tenant's id, None for the installation's own work; `actor` who asked.
    `random` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        installation: Installation,
        job: ClaimedJob,
        interruption: Interruption,
        *,
        on_progress: OnProgress | None = None,
    ) -> None:
        self.installation = installation
        self.id = job.id
        self.payload = job.payload
        self.tenant = None if job.tenant_id == SYSTEM else job.tenant_id
        self.clock: Clock = installation.clock
        self.random: Callable[[], float] = random.random
        self.actor = job.actor
        self._job = job
        self._interruption = interruption
        self._on_progress = on_progress
        self._position = job.position
        self._noted: dict[str, Any] = {}
        self._is_within = False
        self._told_at = -TELL_SECONDS

    @property
    def position(self) -> Mapping[str, Any] | None:
        """How far the job is, as it was committed last; None at its beginning.

        Set inside of `begin`, it is committed with the rest of that transaction.
        """
        return self._noted.get("position", self._position)

    @position.setter
    def position(self, value: Mapping[str, Any] | None) -> None:
        self._noted["position"] = value

    def progress(self, done: int, total: int | None = None, line: str | None = None) -> None:
        """Tell people how far it is: inside of `begin` with that transaction, else by itself, at most once a second.

        Raises `JobInterrupted` when the job is to be left.
        """
        noted = {"progress_done": done, "progress_total": total, "progress_line": line}
        if self._is_within:
            self._noted |= noted
        elif self.clock.monotonic() - self._told_at >= TELL_SECONDS:
            self.checkpoint()
            with self.installation.database.write() as connection:
                self._require_held(connection)
                connection.execute(update(_JOBS).where(_JOBS.c.id == self.id).values(noted))
            self._tell(noted)

    @contextmanager
    def begin(self, *, write: bool = True) -> Iterator[Acting]:
        """One transaction for the tenant. Where it writes, nobody else can have the job before it has ended.

        Raises `JobInterrupted` before its begin, and what `act` raises.
        """
        assert self.tenant is not None, "a job of the installation's own acts for no tenant"
        self.checkpoint()
        actor, request_id = self.actor, self._job.request_id
        with (
            act(self.installation, actor=actor, tenant=self.tenant, write=write, request_id=request_id) as acting,
            self._held(acting, write=write),
        ):
            yield acting
        self._committed()

    @contextmanager
    def begin_for_system(self, *, write: bool = True) -> Iterator[SystemActing]:
        """As `begin`, for no tenant."""
        self.checkpoint()
        actor, request_id = self.actor, self._job.request_id
        with (
            act_for_system(self.installation, actor=actor, write=write, request_id=request_id) as acting,
            self._held(acting, write=write),
        ):
            yield acting
        self._committed()

    def checkpoint(self) -> None:
        """Raises `JobInterrupted` when the job is to be left. To be called at least every few seconds."""
        self._interruption.check()

    def sleep(self, seconds: float) -> None:
        """Sleep. Raises `JobInterrupted` as soon as the job is to be left."""
        self._interruption.wait(seconds)

    @contextmanager
    def _held(self, acting: Acting | SystemActing, *, write: bool) -> Iterator[None]:
        if not write:
            yield
            return
        connection = acting.session.connection()
        self._require_held(connection)
        self._is_within, self._noted = True, {}
        try:
            yield
            acting.session.flush()
            self._keep(connection)
        except BaseException:
            self._noted = {}
            raise
        finally:
            self._is_within = False

    def _require_held(self, connection: Connection) -> None:
        found = standing(connection, self._job.held)
        if found is not Standing.HELD:
            reason = _LEFT[found]
            self._interruption.interrupt(reason)
            raise JobInterrupted(reason)

    def _keep(self, connection: Connection) -> None:
        if self._noted:
            # Whoever comes further does not die of what is behind it.
            is_further = self._noted.get("position", self._position) != self._position
            values = {**self._noted, **({"deaths": 0} if is_further else {})}
            connection.execute(update(_JOBS).where(_JOBS.c.id == self.id).values(values))

    def _committed(self) -> None:
        noted, self._noted = self._noted, {}
        self._position = noted.get("position", self._position)
        if "progress_done" in noted:
            self._tell(noted)

    def _tell(self, noted: Mapping[str, Any]) -> None:
        self._told_at = self.clock.monotonic()
        if self._on_progress is not None:
            self._on_progress(noted["progress_done"], noted["progress_total"], noted["progress_line"])
