"""The process around a Celery application that consumes: its installation, and its engine once that runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any

from gateway.delivery.sending.handler_pool import DEFAULT_PROCESSES
from gateway.engines.celery_engine.engine import Engine
from gateway.installation import Installation

ATTRIBUTE = "gateway_process"


@dataclass
class WorkerProcess:
    """What the parts of a Celery application share. `opened` gives the installation, when the process begins. `guarded`
    is around that beginning: our errors end it as `SystemExit`, because Celery takes any other for a defect.
    """

    opened: Callable[[], AbstractContextManager[Installation]]
    guarded: Callable[[], AbstractContextManager[None]] = nullcontext
    shutdown_deadline_seconds: float = 20.0
    handler_processes: int = DEFAULT_PROCESSES
    on_ready: Callable[[], None] = lambda: None
    installation: Installation | None = None
    engine: Engine | None = None
    ending: ExitStack = field(default_factory=ExitStack)

    def deliver(self, ids: object) -> None:
        """Hand over what a message says."""
        if self.engine is not None and not self.engine.deliver(ids):
            self.refuse("invalid")

    def run_job(self) -> None:
        """Hand over that a job is due."""
        if self.engine is not None:
            self.engine.run_job()

    def consumed(self) -> None:
        """A message was read."""
        if self.engine is not None:
            self.engine.consumed()

    def refuse(self, reason: str) -> None:
        """Count a message that was dropped."""
        if self.installation is not None:
            self.installation.metrics.announcement_refused(reason)


def process_of(app: Any) -> WorkerProcess:
    """The one that `app` was made for."""
    found: WorkerProcess = getattr(app, ATTRIBUTE)
    return found
