"""The schedule of an integration: a row of `schedules` while it is active, kept as the integration says."""

from __future__ import annotations

import random

from sqlalchemy import select

from gateway.integrations.models import Integration
from gateway.integrations.registry import registry_of
from gateway.integrations.rhythm import rhythm_of
from gateway.integrations.states import IntegrationState
from gateway.integrations.summary import schedule_of
from gateway.integrations.type import IntegrationType
from gateway.jobs.models import Schedule
from gateway.jobs.schedules.rhythm import Jitter, first_instant
from gateway.jobs.schedules.rows import columns_of
from gateway.jobs.schedules.rows import rhythm_of as stored_rhythm
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting

SYNC_KIND = "integrations.sync"


def schedule_name(row: Integration) -> str:
    """As `gateway schedules` lists it."""
    return f"integration.{row.name}"


def keep_schedule(acting: Acting, row: Integration) -> None:
    """Make, change, pause or remove the schedule, as the integration is. In the transaction that changes it."""
    session = acting.session
    found = session.scalars(select(Schedule).where(Schedule.name == schedule_name(row)).with_for_update()).first()
    known = registry_of(acting.installation).find(row.type)
    type_ = known if isinstance(known, IntegrationType) else None
    rhythm = rhythm_of(schedule_of(row, type_))
    if rhythm is None or row.state not in (IntegrationState.ACTIVE, IntegrationState.PAUSED):
        if found is not None:
            session.delete(found)
        return
    is_paused = row.state == IntegrationState.PAUSED
    if found is None:
        found = Schedule(
            id=new_id("sch"),
            tenant_id=session.tenant_id,
            name=schedule_name(row),
            kind=SYNC_KIND,
            payload={"integration": row.id, "trigger": "schedule"},
            jitter_seconds=0,
            created_at=acting.now,
        )
        session.add(found)
    elif stored_rhythm(found) == rhythm and found.is_paused == is_paused:
        return
    for column, value in columns_of(rhythm).items():
        setattr(found, column, value)
    found.is_paused = is_paused
    found.next_at = first_instant(rhythm, Jitter(0, random.random), now=acting.now)
    found.scheduled_at = acting.now
