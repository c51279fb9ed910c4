"""Deleting what a run had held and a person has confirmed: exactly that, but for what has changed since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from gateway.entities.external import External, FieldRule
from gateway.entities.models import Entity, SyncRun
from gateway.entities.options import SyncOptions
from gateway.entities.pulling.context import Pulling
from gateway.entities.pulling.missing import unseen
from gateway.entities.pulling.page import only_gone, take_in
from gateway.entities.pulling.preparing import Scope
from gateway.entities.rules import Rules
from gateway.entities.runs.course import Course, end_run, find_run_row, go_on_with
from gateway.entities.states import RunState
from gateway.entities.store.known import live_ids
from gateway.entities.store.seen import pages_seen
from gateway.jobs.kind import Result
from gateway.jobs.run import JobRun
from gateway.tenants.acting import Acting

SECONDS = 3_600.0


def apply_held(run: JobRun) -> Result:
    """Carry out the job. Killed, it goes on with what is left."""
    run_id = run.payload["run"]
    with run.begin(write=False) as acting:
        row = find_run_row(acting, run_id)
        course = go_on_with(acting, run_id)
    if row is None or course is None or row.held is None:
        return {"run_id": run_id, "deleted": 0}
    pulling = _pulling(run, row, course)
    for name, one in row.held["resources"].items():
        scope = _scope(pulling, name, one["kind"])
        for ids in _missing(pulling, scope):
            _delete(pulling, scope, ids, held_at=_held_at(row))
    with run.begin() as acting:
        end_run(acting, pulling.external, pulling.course, RunState.SUCCEEDED, held=row.held)
    return {"run_id": run_id, "deleted": pulling.course.tally["deleted"], "kept": pulling.course.tally["kept"]}


def _pulling(run: JobRun, row: SyncRun, course: Course) -> Pulling:
    held: Mapping[str, Any] = row.held or {}
    assert run.tenant is not None
    external = External(
        instance_id=row.instance_id,
        tenant_id=run.tenant,
        name=held["integration"],
        integration_name=held["integration_name"],
        resources=(),
    )
    return Pulling(
        run=run,
        external=external,
        options=SyncOptions(**held["options"]),
        course=course,
        overlay=None,
        ends_at=run.clock.monotonic() + SECONDS,
    )


def _scope(pulling: Pulling, resource: str, kind: str) -> Scope:
    return Scope(
        external=pulling.external,
        resource=resource,
        rules=Rules(kind=kind, fields={}, default=FieldRule(), options=pulling.options),
        is_conditional=False,
        can_create=False,
        run_id=pulling.course.id,
    )


def _missing(pulling: Pulling, scope: Scope) -> Iterator[Sequence[str]]:
    """External ids that the run did not see, in batches; looked up in short transactions."""
    after = ""
    while True:
        with pulling.reading() as acting:
            connection = acting.session.connection()
            part = live_ids(connection, pulling.external.instance_id, scope.kind, after)

            def pages(connection: Any = connection) -> Iterator[bytes]:
                return pages_seen(connection, pulling.course.id, scope.resource)

            ids = [one[0] for some, _ in unseen([part], pages) for one in some]
        if not part:
            return
        for start in range(0, len(ids), pulling.options.batch):
            yield ids[start : start + pulling.options.batch]
        after = part[-1][0]


def _delete(pulling: Pulling, scope: Scope, ids: Sequence[str], *, held_at: datetime) -> None:
    def work(acting: Acting, course: Course) -> None:
        mine = (Entity.instance_id == pulling.external.instance_id) & (Entity.kind == scope.kind)
        same = select(Entity.integration_id).where(mine, Entity.integration_id.in_(ids), Entity.updated_at <= held_at)
        still = [one for one in acting.session.scalars(same) if one is not None]
        course.tally.add("kept", len(ids) - len(still))
        take_in(pulling, acting, course, scope, only_gone(still), set())

    line = f"{scope.resource}: {pulling.course.tally['deleted'] + len(ids)} deleted"
    pulling.commit(work, position=pulling.course.position, line=line)


def _held_at(row: SyncRun) -> datetime:
    """What changed later than this was not what the run judged."""
    at = (row.held or {}).get("at")
    return row.started_at if at is None else datetime.fromisoformat(at)
