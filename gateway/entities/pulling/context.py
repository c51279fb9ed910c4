"""What all steps of a pull share: the job that holds it, the system, the run, and until when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gateway.entities.external import External, ExternalResource
from gateway.entities.options import SyncOptions
from gateway.entities.pulling.applying import Raced
from gateway.entities.pulling.planning import Overlay, Planned
from gateway.entities.pulling.preparing import Scope, Stored, View, scope_of
from gateway.entities.runs.course import Course, keep_run
from gateway.errors import GatewayError
from gateway.jobs.run import JobRun
from gateway.tenants.acting import Acting

TRIES = 5


class PullFailed(GatewayError):
    """A pull cannot go on: what was committed stays, nothing is deleted."""

    code = "pull_failed"

    def __init__(self, code: str, message: str) -> None:
        self.slug = code
        super().__init__(message)


@dataclass(slots=True, kw_only=True)
class Pulling:
    """A pull under way. `overlay` is there where it is a plan's. `ends_at` is by the steady clock."""

    run: JobRun
    external: External
    options: SyncOptions
    course: Course
    overlay: Overlay | None
    ends_at: float

    def scope(self, resource: ExternalResource) -> Scope:
        """What is pulled of one resource."""
        return scope_of(self.external, resource, self.options, self.course.id)

    def seconds_left(self) -> float:
        """Until the run has to be over."""
        return self.ends_at - self.run.clock.monotonic()

    def view(self, acting: Acting) -> View:
        """What is there."""
        if self.overlay is not None:
            return Planned(acting.session, self.overlay)
        return Stored(acting.session, lock=True)

    @contextmanager
    def reading(self) -> Iterator[Acting]:
        """A transaction that only reads."""
        with self.run.begin(write=False) as acting:
            yield acting

    def commit(
        self,
        work: Callable[[Acting, Course], None],
        *,
        position: Mapping[str, Any],
        line: str,
        total: int | None = None,
    ) -> None:
        """Do some work, and keep with it how far the run is, in one transaction that only who holds the job can commit;
        a plan does it without writing. Repeated where somebody else made the same entity at that moment.
        """
        for _ in range(TRIES):
            # Counted anew by each try: what is rolled back did not happen.
            tried = Course(
                id=self.course.id,
                mode=self.course.mode,
                trigger=self.course.trigger,
                is_plan=self.course.is_plan,
                started_at=self.course.started_at,
                tally=self.course.tally.copy(),
                position=dict(position),
            )
            try:
                with self.run.begin(write=self.overlay is None) as acting:
                    work(acting, tried)
                    if self.overlay is None:
                        keep_run(acting, tried)
                        self.run.position = {"run": self.course.id}
                        self.run.progress(tried.tally["read"], total, line)
            except Raced:
                continue
            self.course = tried
            if self.overlay is not None:
                self.run.progress(tried.tally["read"], total, line)
            return
        raise PullFailed("raced", "somebody else made the same entities again and again")
