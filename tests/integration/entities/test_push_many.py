"""Pushes of many edits, on each database."""

from __future__ import annotations

from gateway.clients.errors import DeadlineExceeded, FailedCall
from tests.integration.entities.conftest import Sides
from tests.services.memory_system import failing


def test_many_at_once_and_each_entity_one_after_the_other(sides: Sides) -> None:
    ids = [sides.shared(f"c{number}", phone="0") for number in range(40)]
    for value in ("1", "2"):
        for entity_id in ids:
            sides.set(entity_id, phone=value)
    result = sides.push()
    assert (result["updated"], result["left"]) == (40, 0)
    assert {record["phone"] for record in sides.there.records.values()} == {"2"}


def test_all_that_can_become_of_edits_at_once(sides: Sides) -> None:
    kept, merged, fought, gone, lost = (sides.shared(f"c{number}", phone="0", city="Bern") for number in range(5))
    made = sides.create(phone="1")
    child = sides.create(made, phone="1")
    for entity_id in (kept, merged, fought, lost):
        sides.set(entity_id, phone="1")
    sides.delete(gone)
    sides.there.put("c1", city="Basel")
    sides.there.put("c2", phone="9")
    after = failing("update", DeadlineExceeded("lost", call=FailedCall(may_have_happened=True)))
    sides.there.after.append(
        lambda called, what: called == "update" and what.integration_id == "c4" and after(called, what)
    )
    result = sides.push()
    sides.later(120)
    sides.push()
    assert (result["deleted"], result["created"], result["left"]) == (1, 2, 1)
    assert {name: (one["phone"], one["city"]) for name, one in sides.there.records.items() if name.startswith("c")} == {
        "c0": ("1", "Bern"),
        "c1": ("1", "Basel"),
        "c2": ("9", "Bern"),
        "c4": ("1", "Bern"),
    }
    assert sides.entity(child).parent == sides.entity(made).integration_id
    assert [one.entity_id for one in sides.conflicts()] == [fought]
    assert sides.states(gone) == ["done"]
