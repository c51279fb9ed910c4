"""Jobs that write down their steps, of a kind in threads and one in processes of their own; and who asks for them.

The kinds are added to those of the workers by `mortality`.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from marshmallow import Schema

from gateway.errors import StorageUnavailable
from gateway.installation import Installation
from gateway.jobs.kind import Kind, Result
from gateway.jobs.request import request_job
from gateway.jobs.run import JobRun
from gateway.tenants.acting import act
from gateway.tenants.audit import Actor, ActorKind
from gateway.tenants.models import DEFAULT_TENANT

STEPS = 8
STEP_SECONDS = 0.05
ASK_SECONDS = 0.7
STEP_ACTION = "crash.step"
FILE = "steps"
ASKER = Actor(ActorKind.COMMAND_LINE, "crash")


class Nothing(Schema):
    """No payload."""


def walk(run: JobRun) -> Result:
    """Take `STEPS` steps, each in a transaction that leaves an entry of the audit trail, and writes down beside the
    database, while nobody else may have the job, who takes which step.
    """
    attempt = secrets.token_hex(4)
    step = 0 if run.position is None else int(run.position["step"])
    while step < STEPS:
        run.sleep(STEP_SECONDS)
        with run.begin() as acting:
            acting.audit(STEP_ACTION, f"{run.id}:{step}")
            with open(FILE, "ab", buffering=0) as steps:
                steps.write(f"{run.id} {attempt} {step}\n".encode())
            step += 1
            run.position = {"step": step}
            run.progress(step, STEPS)
    return {"steps": step}


KINDS = (
    Kind(name="crash.thread", payload=Nothing, run=walk, timeout_seconds=120, retry_seconds=(0.5,) * 20),
    Kind(
        name="crash.process",
        payload=Nothing,
        run=walk,
        timeout_seconds=120,
        retry_seconds=(0.5,) * 20,
        concurrency=1,
        in_process=True,
    ),
)


class Asker:
    """Asks for jobs inside of `asking`, of each kind in turn; `asked` are the ids of those that were committed."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._stopping = threading.Event()
        self.asked: list[str] = []

    @contextmanager
    def asking(self) -> Iterator[None]:
        thread = threading.Thread(target=self._ask, name="asker", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join(60)
            assert not thread.is_alive()

    def _ask(self) -> None:
        number = 0
        while not self._stopping.wait(ASK_SECONDS):
            # Most in threads: a process costs as much as the rest of a round.
            kind = KINDS[number % 20 == 3]
            with suppress(StorageUnavailable):
                with act(self._installation, actor=ASKER, tenant=DEFAULT_TENANT, write=True) as acting:
                    id_ = request_job(acting, kind, {}).id
                self.asked.append(id_)
                number += 1
