"""Taking in a record that waits in quarantine: asked for anew where its system can be, else as it came."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import orjson

from gateway.entities.external import External, ExternalResource, Raw
from gateway.entities.options import SyncOptions
from gateway.entities.pulling.applying import apply
from gateway.entities.pulling.judging import Refused, Taken, judge
from gateway.entities.pulling.page import place_of, unsound_of
from gateway.entities.pulling.preparing import Scope, Stored, prepare, scope_of
from gateway.entities.quarantine.search import require_quarantined
from gateway.entities.quarantine.store import mark_repaired, put_aside
from gateway.entities.quarantine.summary import QuarantinedSummary, summary
from gateway.entities.states import QuarantineState
from gateway.errors import Conflict
from gateway.tenants.acting import Acting

CUT = "cut"


def retry_record(
    begin: Callable[[], AbstractContextManager[Acting]],
    external: External,
    options: SyncOptions,
    record: QuarantinedSummary,
) -> QuarantinedSummary:
    """Judge the record once more, and take it in where it is sound now; else what is wrong is as it is now. No
    transaction is open while its system is asked.

    Raises `Conflict` where there is nothing to judge, `IntegrationError`.
    """
    resource = external.resource(record.resource)
    if resource is None:
        raise Conflict(f"{external.name} has no resource {record.resource!r} any more")
    judged = judge(resource, _raw(resource, record))
    scope = scope_of(external, resource, options, record.run_id or "")
    with begin() as acting:
        row = require_quarantined(acting, record.id)
        before = row.state
        if isinstance(judged, Refused):
            put_aside(acting.session.connection(), place_of(scope), [unsound_of(judged)], at=acting.now)
        else:
            _take_in(acting, scope, judged, row.record_key)
        acting.session.refresh(row)
        acting.audit("quarantine.retried", row.id, before={"state": before}, after={"state": row.state})
        return summary(row)


def _raw(resource: ExternalResource, record: QuarantinedSummary) -> Raw:
    if record.state == QuarantineState.REPAIRED:
        raise Conflict("the record was taken in already")
    if resource.abilities.looks_up and record.integration_id is not None:
        answers = resource.look_up([record.integration_id])
        if answers.get(record.integration_id) is not None:
            return answers[record.integration_id]
        if record.integration_id in answers:
            raise Conflict("its system has it no more: discard it")
    if any(one["code"] == CUT for one in record.reasons):
        raise Conflict("what is kept of it is not all: the next sync that reads it judges it anew")
    return orjson.loads(record.raw)


def _take_in(acting: Acting, scope: Scope, taken: Taken, key: bytes) -> None:
    apply(acting, scope, prepare(Stored(acting.session, lock=True), scope, [taken], []))
    mark_repaired(acting.session.connection(), place_of(scope), [key], at=acting.now)
