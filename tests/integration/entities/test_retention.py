"""What became of entities long ago is forgotten, and nothing that waits for somebody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select

from gateway.clock import FakeClock, from_us
from gateway.config import Settings
from gateway.db.model import Base
from gateway.entities.models import EntityConflict, HistoryEntry, LocalChange, SyncPage, SyncRun
from gateway.entities.retention import forget
from gateway.installation import Installation
from gateway.tenants.acting import act_for_system
from gateway.tenants.models import DEFAULT_TENANT_ID
from tests.services.acting import TESTER
from tests.services.rows import id_at

OWNED = {"tenant_id": DEFAULT_TENANT_ID}
OF_ENTITY = {**OWNED, "instance_id": "int_a", "entity_id": "ent_a"}
BY = {"actor_kind": "person", "actor_name": "root"}


def store(installation: Installation, at: datetime) -> None:
    """One of everything that is over, and one of everything that is not, as of `at`."""
    change = {"operation": "update", "fields": {}, "idempotency_key": "k", "next_attempt_at": at, "scheduled_at": at}
    conflict = {"kind": "edit", "fields": {}, "created_at": at, "updated_at": at}
    run = {"instance_id": "int_a", "mode": "full", "trigger": "schedule", "is_plan": False, "counts": {}, "errors": []}
    rows: list[tuple[Any, dict[str, Any]]] = [
        (
            HistoryEntry,
            {**OWNED, "entity_id": "ent_a", **BY, "at": at, "action": "updated", "origin": "pull", "changes": {}},
        )
    ]
    rows += [
        (LocalChange, {**OF_ENTITY, **BY, **change, "state": one, "created_at": at, "attempts_made": 0})
        for one in ("done", "parked")
    ]
    rows += [(EntityConflict, {**OF_ENTITY, **conflict, "state": "resolved"})]
    rows += [(SyncRun, {**OWNED, **run, "state": one, "started_at": at}) for one in ("succeeded", "failed")]
    prefixes = {HistoryEntry: "his", LocalChange: "chg", EntityConflict: "cfl", SyncRun: "run"}
    with installation.database.write() as connection:
        for model, values in rows:
            connection.execute(insert(model.__table__).values(id=id_at(prefixes[model], at), **values))
        held = id_at("run", at)
        connection.execute(
            insert(SyncRun.__table__).values(
                id=held, **OWNED, **{**run, "instance_id": str(at)}, state="held", started_at=at
            )
        )
        connection.execute(insert(SyncPage.__table__).values(**OWNED, run_id=held, resource="a", number=1, seen=b""))


def count(installation: Installation, model: type[Base]) -> int:
    with installation.database.system_session() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_what_is_over_goes_with_the_retention_and_nothing_else(settings: Settings, fake_clock: FakeClock) -> None:
    with Installation(settings, clock=fake_clock) as installation:
        now = from_us(fake_clock.now_us())
        store(installation, now - timedelta(days=31))
        store(installation, now - timedelta(days=29))
        gone = []
        for _ in range(2):
            with act_for_system(installation, actor=TESTER, write=True) as acting:
                gone.append(forget(acting))
        assert gone == [5, 0]
        left = {
            model.__tablename__: count(installation, model)
            for model in (HistoryEntry, LocalChange, EntityConflict, SyncRun, SyncPage)
        }
        assert left == {"entity_history": 1, "entity_changes": 3, "conflicts": 1, "sync_runs": 4, "sync_pages": 2}
