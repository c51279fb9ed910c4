"""Taking an integration down: what is counted before is what is removed, and what is somebody's own stays."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from gateway.db.model import Base
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
from gateway.errors import Conflict
from gateway.integrations.lifecycle import cleanup
from gateway.integrations.lifecycle.consequences import consequences
from gateway.integrations.lifecycle.management import activate, deactivate
from gateway.integrations.management.removal import remove_integration
from tests.integration.integrations.conftest import House
from tests.integration.integrations.rows import change, conflict, entity, traces
from tests.integration.integrations.test_activation import events, jobs, schedules

HOOK = {"hook": "h1"}


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "BATCH", 3)


def furnish(house: House, name: str = "lamps") -> dict[str, str]:
    """An active integration with ten entities, of which four carry somebody's own."""
    house.add(name, configuration=HOOK)
    assert activate(house.begin, name).is_success
    instance_id = house.row(name).id
    with house.begin() as acting:
        made = {f"l{n}": entity(acting, instance_id, f"l{n}") for n in range(6)}
        made["noted"] = entity(acting, instance_id, "noted", user_data={"room": "kitchen"})
        made["edited"] = entity(acting, instance_id, "edited")
        made["parked"] = entity(acting, instance_id, "parked")
        made["disputed"] = entity(acting, instance_id, "disputed")
        change(acting, instance_id, made["edited"])
        change(acting, instance_id, made["parked"], "parked")
        change(acting, instance_id, made["l1"], "done")
        conflict(acting, instance_id, made["disputed"])
        conflict(acting, instance_id, made["l2"], "resolved")
        traces(acting, instance_id)
    return made


def count(house: House, model: type[Base], name: str = "lamps") -> int:
    with house.begin(write=False) as acting:
        instance_id = house.row(name).id
        statement = select(func.count()).select_from(model)
        if hasattr(model, "instance_id"):
            statement = statement.where(model.instance_id == instance_id)
        return acting.session.scalar(statement) or 0


def kept(house: House) -> set[str | None]:
    with house.begin(write=False) as acting:
        return set(acting.session.scalars(select(Entity.integration_id)))


@pytest.mark.usefixtures("small_batches")
def test_what_is_somebodys_own_is_kept_in_the_mode_safe(house: House) -> None:
    furnish(house)
    with house.begin(write=False) as acting:
        before = consequences(acting, "lamps")
    assert (before.total, before.removed, before.kept) == (10, 6, 4)
    assert (before.with_user_data, before.unsent_edits, before.open_conflicts, before.quarantined) == (1, 2, 1, 1)
    assert before.prepared == ["hook"]

    result = deactivate(house.begin, "lamps")

    assert {name: result.details[name] for name in ("removed", "kept", "total")} == {
        "removed": 6,
        "kept": 4,
        "total": 10,
    }
    assert "4 kept because" in result.message
    assert kept(house) == {"noted", "edited", "parked", "disputed"}
    assert (count(house, LocalChange), count(house, EntityConflict), count(house, HistoryEntry)) == (2, 1, 4)
    gone = (SyncPage, SyncCursor, QuarantinedRecord, NamedChange, PushMark)
    assert [count(house, model) for model in gone] == [0] * 5
    with house.begin(write=False) as acting:
        assert list(acting.session.scalars(select(SyncRun.state))) == ["cancelled"]
    row = house.row()
    assert (row.state, row.prepared, row.configuration["hook"]) == ("inactive", {}, "h1")
    assert (house.system.hooks, schedules(house)) == ({}, [])
    assert [one.state for one in jobs(house, "integrations.sync")] == ["cancelled"]
    assert events(house) == ["gateway.integration.activated", "gateway.integration.deactivated"]


@pytest.mark.usefixtures("small_batches")
def test_nothing_is_kept_in_the_mode_all_and_others_are_left_alone(house: House) -> None:
    furnish(house)
    other = furnish(house, "other")

    result = deactivate(house.begin, "lamps", mode="all")

    assert (result.details["removed"], result.details["kept"]) == (10, 0)
    assert [count(house, model) for model in (Entity, LocalChange, EntityConflict)] == [0, 0, 0]
    left = [count(house, model, "other") for model in (Entity, LocalChange, EntityConflict, SyncCursor)]
    assert left == [10, 3, 2, 1]
    assert count(house, HistoryEntry) == len(other)
    assert house.show("other").state == "active"


def test_what_was_kept_can_be_removed_later(house: House) -> None:
    furnish(house)
    deactivate(house.begin, "lamps")
    with house.begin() as acting, pytest.raises(Conflict, match="are left"):
        remove_integration(acting, "lamps")

    assert deactivate(house.begin, "lamps", mode="all").details["removed"] == 4
    assert "already" in deactivate(house.begin, "lamps", mode="all").message
    assert events(house).count("gateway.integration.deactivated") == 1
    with house.begin() as acting:
        remove_integration(acting, "lamps")


def test_what_cannot_be_taken_back_stops_it_unless_it_is_forced(house: House) -> None:
    furnish(house)
    house.system.before = lambda method, _path: 503 if method == "DELETE" else None

    stopped = deactivate(house.begin, "lamps")
    assert (stopped.status, stopped.details["left"], house.show().state) == ("error", ["hook"], "failed")
    assert len(kept(house)) == 10
    forced = deactivate(house.begin, "lamps", force=True)

    assert (forced.status, forced.details["left"]) == ("success", ["hook"])
    assert "Left outside: hook" in forced.message
    assert house.row().prepared == {}
