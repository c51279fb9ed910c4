"""Pulling what was edited here: both sides' edits survive, or a person is asked; a plan knows it beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from gateway.entities.external import Direction, FieldRule
from gateway.entities.models import Entity, EntityConflict, LocalChange
from gateway.entities.options import SyncOptions
from gateway.entities.states import ChangeState
from gateway.security.identifiers import new_id
from tests.services.memory_system import MemoryResource
from tests.services.syncs import Syncs, counted


def edit(syncs: Syncs, record_id: str, **fields: Any) -> None:
    """As an edit made here leaves it; without fields, a deletion."""
    with syncs.acting() as acting:
        row = acting.session.scalars(select(Entity).where(Entity.integration_id == record_id)).one()
        if fields:
            row.base, row.attributes = dict(row.attributes), {**row.attributes, **fields}
        else:
            row.deleted_at, row.deleted_by = acting.now, "local"
        acting.session.add(
            LocalChange(
                id=new_id("chg"),
                instance_id=row.instance_id,
                entity_id=row.id,
                operation="update" if fields else "delete",
                fields=fields,
                based_on=row.external_version,
                idempotency_key=new_id("idk"),
                state=ChangeState.PENDING,
                next_attempt_at=acting.now,
                scheduled_at=acting.now,
                actor_kind="command_line",
                actor_name="tester",
                created_at=acting.now,
            )
        )


def conflicts(syncs: Syncs) -> list[EntityConflict]:
    with syncs.acting(write=False) as acting:
        return list(acting.session.scalars(select(EntityConflict)))


BOTH = {"number": 5, "note": "x"}
CASES: list[tuple[Callable[[Syncs], object], Callable[[MemoryResource], object], tuple[int, int, int], Any]] = [
    # What was done here, what there; how much was merged, how many conflicts, how many were deleted; what is here then.
    (lambda here: edit(here, "c1", number=9), lambda _there: None, (0, 0, 0), {"number": 9}),
    (lambda here: edit(here, "c1", note="x"), lambda there: there.put("c1", number=5), (1, 0, 0), BOTH),
    (lambda here: edit(here, "c1", number=9), lambda there: there.put("c1", number=5), (1, 1, 0), {"number": 9}),
    (lambda here: edit(here, "c1", number=5), lambda there: there.put("c1", number=5), (1, 0, 0), {"number": 5}),
    (lambda here: edit(here, "c1", number=9), lambda there: there.remove("c1"), (1, 1, 0), {"number": 9}),
    (lambda here: edit(here, "c1"), lambda _there: None, (0, 0, 0), None),
    (lambda here: edit(here, "c1"), lambda there: there.put("c1", number=5), (1, 1, 0), None),
    (lambda here: edit(here, "c1"), lambda there: there.remove("c1"), (0, 0, 0), None),
]  # fmt: skip


@pytest.mark.parametrize("is_full", [True, False])
def test_edits_of_both_sides(syncs: Syncs, contacts: MemoryResource, is_full: bool) -> None:
    for here, there, expected, attributes in CASES:
        contacts.records.clear()
        contacts.fill(10)
        with syncs.acting() as acting:
            for model in (Entity, LocalChange, EntityConflict):
                for row in acting.session.scalars(select(model)):
                    acting.session.delete(row)
        syncs.full()
        here(syncs)
        there(contacts)
        syncs.clock.advance(60)
        mode = syncs.full if is_full else syncs.incremental
        plan, run = mode(is_plan=True), mode()
        assert plan["counts"] == run["counts"]
        assert counted(run, "merged", "conflicts", "deleted") == expected
        found = syncs.entities()["c1"]
        assert (None if found.deleted_at else found.attributes) == attributes
        assert len(conflicts(syncs)) == expected[1]
        # A second run changes nothing, and asks nobody twice.
        assert counted(mode(), "created", "updated", "deleted") == (0, 0, 0)
        assert len(conflicts(syncs)) == expected[1]


def test_fields_that_are_ours_alone_stay(syncs: Syncs, contacts: MemoryResource) -> None:
    contacts.fields = {"note": FieldRule(direction=Direction.PUSH)}
    contacts.fill(2)
    syncs.full()
    with syncs.acting() as acting:
        row = acting.session.scalars(select(Entity).where(Entity.integration_id == "c1")).one()
        row.attributes = {**row.attributes, "note": "ours"}
    contacts.put("c1", note="theirs")
    assert counted(syncs.incremental(), "updated", "unchanged") == (0, 1)
    contacts.put("c1", note="theirs", number=7)
    assert counted(syncs.incremental(), "updated") == (1,)
    assert syncs.entities()["c1"].attributes == {"number": 7, "note": "ours"}
    assert len(syncs.history()) == 1


def test_what_a_push_is_making_is_not_made_twice(syncs: Syncs, contacts: MemoryResource) -> None:
    """Its record is read before its answer is there."""
    contacts.fill(2)
    syncs.full()
    with syncs.acting() as acting:
        acting.session.add(
            Entity(
                id="ent_new",
                instance_id=syncs.instance_id,
                integration_name="memory",
                kind="contact",
                attributes={"number": 77},
                base={},
                content_hash=b"\x00" * 16,
                changed_by="local",
                created_at=acting.now,
                updated_at=acting.now,
            )
        )
        acting.session.add(
            LocalChange(
                id="chg_new",
                instance_id=syncs.instance_id,
                entity_id="ent_new",
                operation="create",
                fields={"number": 77},
                idempotency_key="idk_new",
                state=ChangeState.SENDING,
                next_attempt_at=acting.now,
                scheduled_at=acting.now,
                actor_kind="command_line",
                actor_name="tester",
                created_at=acting.now,
            )
        )
    contacts.put("made", number=77)
    contacts.put("another", number=78)
    plan, run = syncs.incremental(is_plan=True), syncs.incremental()
    assert plan["counts"] == run["counts"]
    assert counted(run, "created", "unchanged") == (1, 1)
    assert set(syncs.entities()) == {"c0", "c1", "another", "ent_new"}


def test_policies_are_those_of_the_integration(syncs: Syncs, contacts: MemoryResource) -> None:
    syncs.options = replace(SyncOptions(), deletes="edit_wins")
    contacts.fill(2)
    syncs.full()
    edit(syncs, "c1", number=9)
    contacts.remove("c1")
    assert counted(syncs.incremental(), "merged", "conflicts") == (1, 0)
    assert conflicts(syncs) == []
