"""Rows of entities and of what hangs on them, as a sync and its users would have left them."""

from __future__ import annotations

from typing import Any

from gateway.entities.models import (
    Entity,
    EntityConflict,
    HistoryEntry,
    LocalChange,
    NamedChange,
    PushMark,
    QuarantinedRecord,
    SyncCursor,
    SyncPage,
    SyncRun,
)
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting


def entity(acting: Acting, instance_id: str, external_id: str, **values: Any) -> str:
    """One, with a history; its id."""
    made = new_id("ent")
    times = {"created_at": acting.now, "updated_at": acting.now}
    known = {"integration_name": "lamps", "kind": "lamp", "attributes": {}, "content_hash": b"h" * 16}
    row = Entity(id=made, instance_id=instance_id, integration_id=external_id, changed_by="pull", **known, **times)
    for name, value in values.items():
        setattr(row, name, value)
    acting.session.add(row)
    who = {"actor_kind": "system", "actor_name": "sync", "changes": {}}
    acting.session.add(
        HistoryEntry(id=new_id("hst"), entity_id=made, at=acting.now, action="updated", origin="pull", **who)
    )
    return made


def change(acting: Acting, instance_id: str, entity_id: str, state: str = "pending") -> None:
    """A local edit."""
    times = {"created_at": acting.now, "next_attempt_at": acting.now, "scheduled_at": acting.now}
    known = {"operation": "update", "fields": {"on": True}, "actor_kind": "system", "actor_name": "x"}
    acting.session.add(
        LocalChange(
            id=new_id("chg"),
            instance_id=instance_id,
            entity_id=entity_id,
            idempotency_key=new_id("k"),
            state=state,
            **known,
            **times,
        )
    )


def conflict(acting: Acting, instance_id: str, entity_id: str, state: str = "open") -> None:
    """A field that both sides changed."""
    times = {"created_at": acting.now, "updated_at": acting.now}
    acting.session.add(
        EntityConflict(
            id=new_id("cfl"),
            instance_id=instance_id,
            entity_id=entity_id,
            kind="edit",
            state=state,
            fields={},
            **times,
        )
    )


def traces(acting: Acting, instance_id: str, run_state: str = "held") -> str:
    """A run with its pages, a cursor, a quarantined record, a named change, a mark; the run's id."""
    run_id = new_id("run")
    session, now = acting.session, acting.now
    known = {"mode": "full", "trigger": "person", "counts": {}, "errors": [], "started_at": now}
    session.add(SyncRun(id=run_id, instance_id=instance_id, state=run_state, **known))
    session.add(SyncPage(run_id=run_id, resource="lamps", number=1, seen=b""))
    session.add(SyncCursor(instance_id=instance_id, resource="lamps", cursor={}, updated_at=now))
    session.add(
        QuarantinedRecord(
            id=new_id("qua"),
            instance_id=instance_id,
            resource="lamps",
            record_key=b"k" * 16,
            state="open",
            reasons=[],
            raw="{}",
            times=1,
            first_at=now,
            last_at=now,
        )
    )
    session.add(NamedChange(instance_id=instance_id, resource="lamps", integration_id="l1", named_at=now))
    marked = {"entity_id": "ent_x", "change_id": "chg_x", "operation": "update", "expires_at": now}
    session.add(PushMark(id=new_id("mrk"), instance_id=instance_id, **marked))
    return run_id
