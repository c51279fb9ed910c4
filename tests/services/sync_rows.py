"""Rows of integrations and of what their syncs left, for tests of what shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.db.database import Database
from gateway.entities.models import Entity, EntityConflict, QuarantinedRecord, SyncRun
from gateway.entities.pulling.judging import record_key
from gateway.entities.runs.tally import Tally
from gateway.entities.states import ConflictState, QuarantineState, RunState
from gateway.integrations.models import Integration
from gateway.integrations.states import Health, IntegrationState
from gateway.security.identifiers import new_id
from gateway.tenants.models import DEFAULT_TENANT_ID

HELD: dict[str, Any] = {
    "resources": {"contacts": {"kind": "contact", "known": 50, "missing": 40, "sample": ["c1"]}},
    "integration": "crm",
    "integration_name": "memory",
    "options": {"entity_events": "all", "batch": 500, "deletes": "manual"},
}


def store_integration(database: Database, at: datetime, name: str) -> str:
    """An active integration; its id."""
    instance_id = new_id("int")
    with database.tenant_session(DEFAULT_TENANT_ID, write=True) as session:
        session.add(
            Integration(
                id=instance_id,
                name=name,
                type="memory",
                state=IntegrationState.ACTIVE,
                configuration={},
                sync={},
                prepared={},
                health_state=Health.UNKNOWN,
                health={},
                created_at=at,
                updated_at=at,
            )
        )
    return instance_id


def store_run(
    database: Database,
    at: datetime,
    instance_id: str,
    state: RunState = RunState.SUCCEEDED,
    *,
    tenant_id: str = DEFAULT_TENANT_ID,
) -> str:
    """A sync run; its id."""
    run_id = new_id("run")
    with database.tenant_session(tenant_id, write=True) as session:
        session.add(
            SyncRun(
                id=run_id,
                instance_id=instance_id,
                mode="full",
                trigger="person",
                is_plan=False,
                state=state,
                counts=Tally({"read": 10, "missing": 40}).counts,
                errors=[],
                held={**HELD, "at": at.isoformat()} if state is RunState.HELD else None,
                started_at=at,
                ended_at=at,
            )
        )
    return run_id


def store_quarantined(
    database: Database,
    at: datetime,
    instance_id: str,
    *,
    resource: str = "contacts",
    integration_id: str = "c1",
    tenant_id: str = DEFAULT_TENANT_ID,
) -> str:
    """A record in quarantine; its id."""
    record_id = new_id("qtn")
    with database.tenant_session(tenant_id, write=True) as session:
        session.add(
            QuarantinedRecord(
                id=record_id,
                instance_id=instance_id,
                resource=resource,
                record_key=record_key(integration_id),
                integration_id=integration_id,
                state=QuarantineState.OPEN,
                reasons=[{"pointer": "/name", "code": "wrong_type", "message": "must be a text"}],
                raw='{"id":"c1"}',
                first_at=at,
                last_at=at,
            )
        )
    return record_id


def store_entity(
    database: Database, at: datetime, instance_id: str, *, integration_id: str, tenant_id: str = DEFAULT_TENANT_ID
) -> str:
    """A light of Home Assistant, as a pull leaves it; its id."""
    entity_id = new_id("ent")
    with database.tenant_session(tenant_id, write=True) as session:
        session.add(
            Entity(
                id=entity_id,
                instance_id=instance_id,
                integration_name="home_assistant",
                integration_id=integration_id,
                kind="light",
                name=integration_id,
                attributes={"brightness": 1},
                content_hash=bytes(16),
                changed_by="pull",
                created_at=at,
                updated_at=at,
            )
        )
    return entity_id


def store_conflict(
    database: Database, at: datetime, instance_id: str, entity_id: str, *, tenant_id: str = DEFAULT_TENANT_ID
) -> str:
    """An open conflict about the field `phone`; its id."""
    conflict_id = new_id("cfl")
    with database.tenant_session(tenant_id, write=True) as session:
        session.add(
            EntityConflict(
                id=conflict_id,
                instance_id=instance_id,
                entity_id=entity_id,
                kind="edit",
                state=ConflictState.OPEN,
                fields={"phone": {"base": "1", "local": "2", "external": "3"}},
                created_at=at,
                updated_at=at,
            )
        )
    return conflict_id
