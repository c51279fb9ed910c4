"""Pipelines from one system to another, as runs on both databases: loaded by a key, once, judged first."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.clients.errors import RequestRefused, Unavailable
from gateway.errors import InvalidInput
from gateway.handlers import transforms
from tests.integration.integrations.pipelines.conftest import Works, shout
from tests.services.memory_system import Hook, failing
from tests.services.syncs import counted


def test_records_are_loaded_once_and_tell_where_they_came_from(works: Works) -> None:
    works.pipeline()
    for number in range(250):
        works.person(number)

    first = works.flow()
    again = works.run()
    whole = works.run(full=True)

    assert (first["state"], *counted(first, "read", "created")) == ("succeeded", 250, 250)
    assert len(works.customers.records) == 250
    assert works.writes() == 250
    assert counted(again, "created", "updated") == counted(whole, "created", "updated") == (0, 0)
    entity = works.entities()["p7@example.com"]
    target_id = next(one for one, record in works.customers.records.items() if record["email"] == "p7@example.com")
    assert entity.attributes["lineage"] == {"from": "memory:c7", "to": target_id}
    assert works.customers.records[target_id]["name"] == "Person 7"


def test_only_what_changed_since_is_read_and_only_what_differs_is_sent(works: Works) -> None:
    works.pipeline()
    for number in range(5):
        works.person(number)
    works.flow()
    works.clock.advance(600)
    works.run()
    works.clock.advance(600)

    works.person(3, spent=99)
    works.person(4, nickname="P")
    came = works.flow()

    assert counted(came, "read", "updated", "unchanged") == (2, 1, 1)
    assert works.writes() == 6
    [changed] = [about for called, about in works.customers.calls if called == "update"]
    assert changed.fields == {"spent": 99}
    assert works.loaded()["p3@example.com"]["spent"] == 99


def test_a_plan_says_what_would_be_loaded_and_writes_nothing(works: Works) -> None:
    works.pipeline(rules={"spent": {"maximum": 3}}, thresholds={"any": 0.5})
    for number in range(5):
        works.person(number)
    works.run("crm")

    planned = works.run(plan=True)

    assert counted(planned, "created", "quarantined") == (4, 1)
    assert works.writes() == 0
    assert works.entities() == {}
    assert works.quarantined() == []
    assert counted(works.run(), "created", "quarantined") == (4, 1)
    works.person(1, spent=2)
    works.run("crm")
    assert works.run(plan=True)["counts"]["fields"] == {"spent": 1}
    assert works.writes() == 4


@pytest.mark.parametrize("key", ["email", "id"])
def test_what_is_there_already_is_changed_and_not_made_twice(works: Works, key: str) -> None:
    mapping = {"email": "attributes.email", "id": "integration_id"}
    works.pipeline(key=key, mapping=mapping)
    works.customers.put("c1", name="Known", email="p1@example.com", credit=5)
    if key == "email":
        works.run("erp")
    works.person(1)
    works.person(2)

    works.flow()

    assert len(works.customers.records) == 2
    assert works.customers.records["c1"]["credit"] == 5
    assert works.writes() == 2
    assert works.entities()["p1@example.com"].attributes["lineage"]["to"] == "c1"
    assert ("id" in next(about for called, about in works.customers.calls if called == "update").fields) == (
        key != "id"
    )


def test_rules_send_records_to_quarantine_with_the_reason(works: Works) -> None:
    rules = {
        "email": {"pattern": r"[^@]+@[^@]+"},
        "spent": {"minimum": 0, "required": True},
        "boss": {"reference": {"integration": "crm", "kind": "contact"}},
    }
    works.pipeline(
        rules=rules, thresholds={"any": 1}, mapping={**MAPPING_WITH_BOSS}
    )  # fmt: skip
    works.person(1, boss="c2")
    works.person(2, email="nobody")
    works.person(3, spent=-1)
    works.person(4, spent=None)
    works.person(5, email="p1@example.com")
    works.person(6, boss="c9")

    came = works.flow()

    assert counted(came, "read", "created", "quarantined") == (6, 1, 5)
    assert sorted(works.quarantined()) == ["pattern", "range", "reference", "required", "unique"]
    assert list(works.loaded()) == ["p1@example.com"]
    works.person(3, spent=1)
    came = works.flow()
    assert counted(came, "created", "repaired") == (1, 1)


MAPPING_WITH_BOSS = {"email": "attributes.email", "spent": "attributes.spent", "boss": "attributes.boss"}


def test_two_that_change_places_are_both_unique(works: Works) -> None:
    works.pipeline()
    works.person(1)
    works.person(2)
    works.flow()
    works.person(1, email="p2@example.com")
    works.person(2, email="p1@example.com")

    assert counted(works.flow(), "updated", "quarantined") == (2, 0)
    works.clock.advance(600)
    works.run()
    works.clock.advance(600)
    works.person(3, email="p1@example.com")
    # Who has it is not read again, and has it all the same.
    assert works.flow()["code"] == "quality_threshold"


def test_a_threshold_stops_a_load_before_it_writes(works: Works) -> None:
    works.pipeline(rules={"spent": {"maximum": 200}}, thresholds={"range": 0.1})
    for number in range(250):
        works.person(number)

    stopped = works.flow()

    assert (stopped["state"], stopped["code"]) == ("failed", "quality_threshold")
    assert "49 of 250 records fail range" in stopped["message"]
    assert works.writes() == 0
    assert works.run(plan=True)["code"] == "quality_threshold"


@pytest.mark.parametrize("deletes", [False, True])
def test_what_goes_in_the_source_goes_in_the_target_where_that_is_wanted(works: Works, deletes: bool) -> None:
    works.pipeline(deletes=deletes, where="attributes.spent != `7`")
    for number in range(8):
        works.person(number)
    works.flow()
    works.contacts.remove("c1")
    works.person(2, spent=7)

    came = works.flow()

    assert counted(came, "deleted") == (2,)
    assert len(works.customers.records) == (5 if deletes else 7)
    assert len(works.entities()) == 5


def test_too_many_deletions_stop_a_load(works: Works) -> None:
    works.pipeline(deletes=True)
    for number in range(20):
        works.person(number)
    works.flow()
    for number in range(6):
        works.contacts.remove(f"c{number}")

    came = works.flow()

    assert came["code"] == "quality_threshold"
    assert "6 of 20 records would be deleted" in came["message"]
    assert len(works.customers.records) == 20


def test_a_record_that_the_target_refuses_waits_alone(works: Works) -> None:
    works.pipeline()
    works.person(1)
    works.person(2)
    works.customers.before.append(failing("create", RequestRefused("no such customer")))

    came = works.flow()

    assert (came["state"], *counted(came, "created", "quarantined")) == ("succeeded", 1, 1)
    assert works.quarantined() == ["load_refused"]
    assert counted(works.run(full=True), "created", "repaired") == (1, 1)
    assert len(works.customers.records) == 2


def test_a_load_that_broke_off_makes_nothing_twice(works: Works) -> None:
    """The target has what was made of a page that was never committed."""
    works.pipeline(key=None, rules={})
    for number in range(150):
        works.person(number)
    works.run("crm")
    works.customers.after.append(breaking("create", works, 120))
    works.customers.before.append(breaking("find", works, 120))

    broken = works.run()
    works.customers.after.clear()
    works.customers.before.clear()
    came = works.run()

    assert (broken["state"], broken["code"], came["state"]) == ("failed", "system_unavailable", "succeeded")
    assert broken["counts"]["created"] == 100
    assert len(works.customers.records) == 150
    assert len(works.entities()) == 150


def breaking(operation: str, works: Works, count: int) -> Hook:
    """From its so many'th record on the target says that it is not there, although it has made it."""

    def fail(called: str, _about: Any) -> None:
        if called == operation and len(works.customers.records) >= count:
            raise Unavailable("down")

    return fail


def test_what_the_target_lost_is_made_again(works: Works) -> None:
    works.pipeline()
    works.person(1)
    works.flow()
    works.customers.records.clear()
    works.person(1, spent=5)

    works.flow()

    assert works.loaded()["p1@example.com"]["spent"] == 5


def test_modes(works: Works) -> None:
    works.pipeline(mode="update", thresholds={"any": 1})
    works.customers.put("k1", email="p1@example.com")
    works.run("erp")
    works.person(1)
    works.person(2)

    came = works.flow()

    assert counted(came, "created", "quarantined") == (1, 1)
    assert works.quarantined() == ["not_there"]
    assert list(works.customers.records) == ["k1"]
    assert works.customers.records["k1"]["spent"] == 1


def test_a_marked_function_makes_the_records(works: Works) -> None:
    name = f"{shout.__module__}:shout"
    assert name in transforms()
    works.pipeline(mapping=None, transform=name)
    works.person(1)
    works.person(2, name="Nobody")
    works.person(3, email=None)

    works.run("crm")
    assert works.run()["code"] == "quality_threshold"
    works.person(3)
    came = works.flow()

    assert sorted(works.loaded()) == ["P1@EXAMPLE.COM", "P3@EXAMPLE.COM"]
    assert counted(came, "read", "created") == (2, 2)


@pytest.mark.parametrize(
    ("configuration", "field"),
    [
        ({"mapping": None}, "mapping"),
        ({"mapping": {"email": "attributes["}}, "mapping.email"),
        ({"rules": {"emial": {"required": True}}}, "rules.emial"),
        ({"rules": {"email": {"patern": "x"}}}, "rules.email.patern"),
        ({"rules": {"email": {"pattern": "(a+)+b"}}}, "rules.email.pattern"),
        ({"thresholds": {"any": 2}}, "thresholds.any"),
        ({"key": "phone"}, "key"),
    ],
)
def test_a_configuration_is_judged_before_it_is_kept(works: Works, configuration: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        works.pipeline(**configuration)
    assert [one.field for one in raised.value.faults] == [f"configuration.{field}"]


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({"source": "cmr"}, "cmr"),
        ({"resource": "custmers"}, "custmers"),
        ({"target": "crm", "resource": "contacts"}, "itself"),
        ({"transform": "os:system"}, "@transform"),
    ],
)
def test_what_is_named_and_not_there_is_told(works: Works, configuration: dict[str, Any], said: str) -> None:
    named = {"source": "crm", "kind": "contact", "target": "erp", "resource": "customers", "mapping": {"a": "name"}}
    works.add("flow", "pipeline", **{**named, **configuration})
    with works.opened("flow") as (instance, type_, _), pytest.raises(InvalidInput, match=said):
        type_.test_connection(instance)


def test_a_test_says_what_it_saw(works: Works) -> None:
    works.pipeline(rules={"spent": {"maximum": 2}})
    for number in range(4):
        works.person(number)
    works.run("crm")
    with works.opened("flow") as (instance, type_, _):
        seen = type_.test_connection(instance)
    assert seen.message == "3 of 4 records are sound (spent is more than 2); erp: 1 lists"
    assert works.writes() == 0
