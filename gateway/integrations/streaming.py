"""Live streams: held by one worker of all machines, by the lease of a job; when that worker dies another one takes it.

What a stream tells is taken in as it comes, without a run: records at once, what has to be looked up or may have been
missed by a sync that is asked for a moment later, so that many of them are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from gateway.entities.external import External
from gateway.entities.options import SyncOptions
from gateway.entities.pulling.applying import Raced
from gateway.entities.pulling.context import Pulling
from gateway.entities.pulling.page import set_aside, sort_out, take_in
from gateway.entities.quarantine.store import open_keys
from gateway.entities.runs.course import Course
from gateway.entities.runs.tally import Tally
from gateway.entities.states import RunMode
from gateway.entities.store.cursors import store_named
from gateway.errors import GatewayError, StorageUnavailable
from gateway.integrations.bounded import bounds_of, translated
from gateway.integrations.health.observing import of_call
from gateway.integrations.health.recording import record
from gateway.integrations.jobs import STREAM
from gateway.integrations.models import Integration
from gateway.integrations.opening import Material, material_of, open_instance, options_of, type_of
from gateway.integrations.requesting import request_sync
from gateway.integrations.states import IntegrationState
from gateway.integrations.type import LiveItem, LiveStream
from gateway.jobs.interruption import JobInterrupted
from gateway.jobs.request import request_job
from gateway.jobs.run import JobRun
from gateway.tenants.acting import Acting

OPEN_SECONDS: Final = 30.0
RECEIVE_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 5.0
HELD_SECONDS: Final = 6 * 3600.0
"""So long one attempt holds a stream; then it is opened anew."""
DEBOUNCE: Final = timedelta(seconds=1)
SHORTEST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 300.0
TRIES: Final = 5
STREAM_TRIGGER: Final = "stream"


def carry_out(run: JobRun) -> Mapping[str, Any]:
    """Hold the stream of the integration of the job. Raises `JobInterrupted`, `StorageUnavailable`."""
    integration_id = run.payload["integration"]
    with run.begin(write=False) as acting:
        row = acting.session.get(Integration, integration_id)
        if row is None or row.state != IntegrationState.ACTIVE:
            return {"outcome": "not active"}
        material, revision = material_of(acting.session, run.installation, row), row.revision
    held = _Held(run, material, revision)
    try:
        held.hold()
    except StorageUnavailable:
        raise
    except GatewayError as error:
        return held.failed(error)
    return held.ended()


class _Held:
    """A stream, for as long as it is held. `items` counts what came."""

    def __init__(self, run: JobRun, material: Material, revision: int) -> None:
        self._run, self._material, self._revision = run, material, revision
        self._items = 0
        self._looked_at = run.clock.monotonic()
        self._until = self._looked_at + HELD_SECONDS

    def hold(self) -> None:
        """Until the integration is another, or it has been held for long. Raises `GatewayError`, `JobInterrupted`."""
        run, material = self._run, self._material
        type_, options = type_of(run.installation, material), options_of(run.installation, material)
        with open_instance(run.installation, material) as instance:
            bounds = bounds_of(run.installation)
            stream = bounds.call(material.id, OPEN_SECONDS, lambda: type_.open_stream(instance))
            try:
                external = type_.external(instance)
                self._note(None, "it is listened to")
                self._listen(stream, external, options)
            except (GatewayError, JobInterrupted):
                raise
            except Exception as error:
                raise translated(error, material.id) from error
            finally:
                stream.close()

    def failed(self, error: GatewayError) -> Mapping[str, Any]:
        """The stream broke: it is opened again after a pause, which grows while it breaks before anything comes."""
        failures = 1 if self._items else self._run.payload["failures"] + 1
        pause = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** min(failures - 1, 10))
        self._note(error.code, str(error))
        self._again(pause * (0.5 + self._run.random() / 2), failures)
        return {"outcome": "broken", "code": error.code, "message": str(error), "items": self._items}

    def ended(self) -> Mapping[str, Any]:
        """It was held as long as it was to be."""
        self._again(0.0, 0)
        return {"outcome": "ended", "items": self._items}

    def _listen(self, stream: LiveStream, external: External, options: SyncOptions) -> None:
        course = Course(
            id=self._run.id,
            mode=RunMode.CHANGES,
            trigger=STREAM_TRIGGER,
            is_plan=False,
            started_at=self._run.installation.now(),
            tally=Tally(),
        )
        while self._run.clock.monotonic() < self._until:
            self._run.checkpoint()
            items = stream.receive(RECEIVE_SECONDS)
            if items:
                self._items += len(items)
                self._take(external, options, course, items)
            elif not self._is_same():
                return

    def _take(self, external: External, options: SyncOptions, course: Course, items: Sequence[LiveItem]) -> None:
        """All of it in one transaction, repeated where somebody else made the same entity at that moment."""
        for left in reversed(range(TRIES)):
            try:
                with self._run.begin() as acting:
                    row = acting.session.get_one(Integration, self._material.id, with_for_update=True)
                    row.data_at = acting.now
                    self._take_in(acting, row, _pulling(self._run, external, options, course), items)
                return
            except Raced:
                if not left:
                    raise

    def _take_in(self, acting: Acting, row: Integration, pulling: Pulling, items: Sequence[LiveItem]) -> None:
        connection, due = acting.session.connection(), acting.now + DEBOUNCE
        for item in items:
            resource = pulling.external.resource(item.resource)
            if resource is not None and (item.records or item.deleted):
                found, scope = sort_out(resource, item.records, item.deleted), pulling.scope(resource)
                waiting = open_keys(connection, row.id, resource.name)
                take_in(pulling, acting, pulling.course, scope, found, waiting)
                set_aside(pulling, acting, pulling.course, scope, found)
            if item.changed:
                store_named(connection, row.tenant_id, row.id, item.resource, item.changed, at=acting.now)
        if any(item.is_gap for item in items):
            request_sync(acting, row, trigger=STREAM_TRIGGER, due_at=due)
        elif any(item.changed for item in items):
            request_sync(acting, row, mode=RunMode.CHANGES, trigger=STREAM_TRIGGER, due_at=due)

    def _is_same(self) -> bool:
        """Whether the integration is what it was when this began; looked at every few seconds."""
        now = self._run.clock.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return True
        self._looked_at = now
        with self._run.begin(write=False) as acting:
            row = acting.session.get(Integration, self._material.id)
            return row is not None and row.state == IntegrationState.ACTIVE and row.revision == self._revision

    def _note(self, code: str | None, message: str) -> None:
        with self._run.begin() as acting:
            row = acting.session.get(Integration, self._material.id, with_for_update=True)
            if row is not None:
                record(acting, row, of_call(code, message), code=code)

    def _again(self, seconds: float, failures: int) -> None:
        with self._run.begin() as acting:
            row = acting.session.get(Integration, self._material.id)
            if row is not None and row.state == IntegrationState.ACTIVE:
                payload = {"integration": row.id, "failures": failures}
                request_job(acting, STREAM, payload, due_at=acting.now + timedelta(seconds=seconds))


def _pulling(run: JobRun, external: External, options: SyncOptions, course: Course) -> Pulling:
    ends_at = run.clock.monotonic() + HELD_SECONDS
    return Pulling(run=run, external=external, options=options, course=course, overlay=None, ends_at=ends_at)
