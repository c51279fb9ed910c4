"""Pipelines follow their sources: one is asked to run as soon as entities of its source changed, once for all that
changes within a moment.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import select

from gateway.entities.states import RunMode
from gateway.integrations.models import Integration
from gateway.integrations.requesting import request_sync
from gateway.integrations.states import IntegrationState
from gateway.tenants.acting import Acting

PIPELINE: Final = "pipeline"
DEBOUNCE: Final = timedelta(seconds=2)


def follow(acting: Acting, source: Integration) -> int:
    """Ask for a run of each active pipeline that follows `source`; how many there are."""
    active = select(Integration).where(Integration.type == PIPELINE, Integration.state == IntegrationState.ACTIVE)
    found = [
        one
        for one in acting.session.scalars(active)
        if one.configuration.get("source") == source.name and one.configuration.get("follows", True)
    ]
    for one in found:
        request_sync(acting, one, mode=RunMode.INCREMENTAL, trigger="stream", due_at=acting.now + DEBOUNCE)
    return len(found)
