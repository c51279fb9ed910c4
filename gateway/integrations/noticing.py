"""Webhooks that name what changed: the records are noted, and fetched by one run for all that come within a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import orjson
from sqlalchemy import select

from gateway.entities.states import RunMode
from gateway.entities.store.cursors import store_named
from gateway.events.at_rest import open_request_part
from gateway.events.models import Event
from gateway.integrations.models import Integration
from gateway.integrations.registry import registry_of
from gateway.integrations.requesting import request_sync
from gateway.integrations.states import IntegrationState
from gateway.integrations.type import IntegrationType, NamedRecord, SourceEvent
from gateway.jobs.run import JobRun
from gateway.telemetry.logging import get_logger
from gateway.tenants.acting import Acting

DEBOUNCE: Final = timedelta(seconds=2)
WEBHOOK: Final = "webhook"

_log = get_logger(__name__)


def carry_out(run: JobRun) -> Mapping[str, Any]:
    """Note what the event of the job names, for each integration of its source. Done again it changes nothing."""
    with run.begin() as acting:
        event = acting.session.get(Event, run.payload["event"])
        if event is None:
            return {"outcome": "gone"}
        mine = select(Integration).where(Integration.source_id == event.source_id)
        rows = acting.session.scalars(mine.where(Integration.state == IntegrationState.ACTIVE)).all()
        read = _read(acting, event) if rows else None
        named = sum(_note(acting, row, read) for row in rows if read is not None)
    return {"outcome": "noted", "records": named}


def _note(acting: Acting, row: Integration, event: SourceEvent) -> int:
    type_ = registry_of(acting.installation).find(row.type)
    if not isinstance(type_, IntegrationType):
        return 0
    found = _named(type_, row, event)
    connection, total = acting.session.connection(), 0
    for resource in sorted({one.resource for one in found}):
        ids = [one.integration_id for one in found if one.resource == resource]
        total += store_named(connection, row.tenant_id, row.id, resource, ids, at=acting.now, event_id=event.id)
    if total:
        request_sync(acting, row, mode=RunMode.CHANGES, trigger=WEBHOOK, due_at=acting.now + DEBOUNCE)
    return total


def _named(type_: IntegrationType, row: Integration, event: SourceEvent) -> Sequence[NamedRecord]:
    """What the type reads in it. One that it cannot read names nothing: the schedule finds what changed."""
    try:
        return list(type_.changes_in(event))
    except Exception as error:  # a stranger's body in a package's code
        _log.warning(
            "an integration type could not read an event; the next sync finds what it named",
            integration_id=row.id,
            event_id=event.id,
            error=type(error).__name__,
        )
        return ()


def _read(acting: Acting, event: Event) -> SourceEvent:
    body = open_request_part(acting.keyring, event.body, tenant_id=event.tenant_id, source=event.source)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    headers = {str(name).lower(): str(value) for name, value in orjson.loads(event.headers)}
    return SourceEvent(id=event.id, type=event.type, body=body, json=document, headers=headers)
