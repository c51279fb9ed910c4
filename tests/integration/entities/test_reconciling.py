"""News about an entity that has local edits: merged, told once, decided by policy or left to a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from gateway.entities.cases import cases_of
from gateway.entities.external import Policy
from gateway.entities.models import PushMark
from gateway.entities.options import SyncOptions
from gateway.entities.reconciling import take_external, take_gone
from gateway.entities.states import ChangeState
from gateway.events.system import CONFLICT_DETECTED, ENTITY_CREATED, ENTITY_DELETED, ENTITY_UPDATED
from tests.integration.entities.conftest import Sides, waiting

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
AGREED = {"phone": "1", "city": "Bern", "notes": "x"}


@pytest.fixture
def edited(sides: Sides) -> str:
    """A contact whose phone was changed here, and waits to be sent."""
    entity_id = sides.shared(**AGREED)
    with sides.acting() as acting:
        entity = cases_of(acting.session, [entity_id])[entity_id].entity
        entity.base, entity.attributes = dict(entity.attributes), {**entity.attributes, "phone": "2"}
        acting.session.add(waiting(entity, {"phone": "2"}, acting.now))
    return entity_id


def news(sides: Sides, entity_id: str, **values: Any) -> None:
    """The system changed it, and a pull saw that."""
    mapped = sides.there.map(sides.there.put("c1", **values))
    with sides.acting() as acting:
        trail = sides.trail(acting)
        take_external(trail, cases_of(acting.session, [entity_id])[entity_id], mapped, sides.rules)
        trail.write()


def gone(sides: Sides, entity_id: str, *, can_create: bool = True) -> None:
    with sides.acting() as acting:
        trail = sides.trail(acting)
        take_gone(trail, cases_of(acting.session, [entity_id])[entity_id], sides.rules, can_create=can_create)
        trail.write()


def delete_here(sides: Sides, entity_id: str) -> None:
    with sides.acting() as acting:
        entity = cases_of(acting.session, [entity_id])[entity_id].entity
        entity.deleted_at, entity.deleted_by = acting.now, "local"
        acting.session.add(waiting(entity, {}, acting.now, "delete"))


def test_another_field_is_taken_and_the_edit_still_waits(sides: Sides, edited: str) -> None:
    news(sides, edited, city="Basel")
    entity = sides.entity(edited)
    assert entity.attributes == {"phone": "2", "city": "Basel", "notes": "x"}
    assert (entity.base or {})["city"] == "Basel"
    assert entity.external_version == "2"
    assert sides.states(edited) == ["pending"]
    assert sides.events() == [ENTITY_UPDATED]
    assert sides.history(edited) == [("merged", {"city": ["Bern", "Basel"]})]


def test_the_same_edit_on_both_sides_ends_it(sides: Sides, edited: str) -> None:
    news(sides, edited, phone="2 ")
    entity = sides.entity(edited)
    assert entity.attributes["phone"] == "2 "
    assert entity.base is None
    assert sides.states(edited) == ["done"]
    assert sides.conflicts() == []


@pytest.mark.parametrize(
    ("policy", "value", "state"), [(Policy.EXTERNAL_WINS, "3", "dropped"), (Policy.LOCAL_WINS, "2", "pending")]
)
def test_a_policy_settles_it_and_the_history_has_what_was_set_aside(
    sides: Sides, edited: str, policy: Policy, value: str, state: str
) -> None:
    sides.options = SyncOptions(policy=policy)
    news(sides, edited, phone="3")
    assert sides.entity(edited).attributes["phone"] == value
    assert sides.states(edited) == [state]
    [(action, changes)] = sides.history(edited)
    assert action == "merged"
    assert sorted(changes["phone"]) == ["2", "3"]
    assert changes["phone"][1] == value
    assert sides.conflicts() == []


def test_what_no_policy_settles_is_one_conflict_that_later_news_change(sides: Sides, edited: str) -> None:
    news(sides, edited, phone="3")
    news(sides, edited, phone="4", city="Basel")
    [conflict] = sides.conflicts()
    assert (conflict.state, conflict.kind, conflict.external_version) == ("open", "edit", "3")
    assert conflict.fields == {"phone": {"base": "1", "local": "2", "external": "4"}}
    assert sides.entity(edited).attributes == {"phone": "2", "city": "Basel", "notes": "x"}
    assert sides.states(edited) == ["conflict"]
    assert sides.events() == [CONFLICT_DETECTED, ENTITY_UPDATED]


def test_a_conflict_ends_when_both_sides_come_to_say_the_same(sides: Sides, edited: str) -> None:
    news(sides, edited, phone="3")
    news(sides, edited, phone="2")
    [conflict] = sides.conflicts()
    assert (conflict.state, conflict.resolution) == ("resolved", {"by": "agreement"})
    assert sides.entity(edited).base is None
    assert sides.states(edited) == ["done"]


def test_while_a_push_is_under_way_it_is_noted_that_something_was_seen(sides: Sides, edited: str) -> None:
    with sides.acting() as acting:
        case = cases_of(acting.session, [edited])[edited]
        case.edits[0].state = ChangeState.SENDING
        acting.session.add(_mark(case.edits[0].id, edited, acting.now))
    news(sides, edited, phone="3")
    assert sides.entity(edited).attributes["phone"] == "2"
    assert sides.states(edited) == ["sending"]
    assert sides.events() == []
    with sides.acting(write=False) as acting:
        assert acting.session.scalars(select(PushMark.seen)).one() is not None


def _mark(change_id: str, entity_id: str, at: Any) -> PushMark:
    return PushMark(
        id="mark_1",
        instance_id="int_crm",
        entity_id=entity_id,
        change_id=change_id,
        operation="update",
        expires_at=at,
    )


def test_gone_there_and_edited_here_waits_for_a_person(sides: Sides, edited: str) -> None:
    gone(sides, edited)
    gone(sides, edited)
    [conflict] = sides.conflicts()
    assert (conflict.kind, conflict.fields) == ("delete", {"phone": {"base": "1", "local": "2"}})
    assert sides.entity(edited).deleted_at is None
    assert sides.states(edited) == ["conflict"]


def test_gone_there_with_the_edit_winning_it_is_made_anew(sides: Sides, edited: str) -> None:
    sides.options = SyncOptions(deletes="edit_wins")
    gone(sides, edited)
    entity = sides.entity(edited)
    assert (entity.integration_id, entity.deleted_at) == (None, None)
    [change] = sides.changes(edited)
    assert (change.state, change.operation) == ("pending", "create")


def test_an_edit_that_cannot_be_made_anew_waits_for_a_person(sides: Sides, edited: str) -> None:
    sides.options = SyncOptions(deletes="edit_wins")
    gone(sides, edited, can_create=False)
    assert [one.kind for one in sides.conflicts()] == ["delete"]


def test_gone_there_with_the_deletion_winning_the_history_has_the_edit(sides: Sides, edited: str) -> None:
    sides.options = SyncOptions(deletes="delete_wins")
    gone(sides, edited)
    entity = sides.entity(edited)
    assert entity.deleted_by == "pull"
    assert entity.attributes["phone"] == "1"
    assert sides.states(edited) == ["dropped"]
    assert sides.history(edited) == [("deleted", {"phone": ["2", None]})]
    assert sides.events() == [ENTITY_DELETED]


def test_deleted_here_and_edited_there_waits_for_a_person(sides: Sides) -> None:
    entity_id = sides.shared(**AGREED)
    delete_here(sides, entity_id)
    news(sides, entity_id, city="Basel")
    news(sides, entity_id, city="Biel")
    [conflict] = sides.conflicts()
    assert (conflict.kind, conflict.fields) == ("delete", {"city": {"base": "Bern", "external": "Biel"}})
    assert sides.states(entity_id) == ["conflict"]
    assert sides.entity(entity_id).deleted_by == "local"


def test_deleted_here_with_the_edit_winning_it_is_there_again(sides: Sides) -> None:
    entity_id = sides.shared(**AGREED)
    delete_here(sides, entity_id)
    sides.options = replace(sides.options, deletes="edit_wins")
    news(sides, entity_id, city="Basel")
    entity = sides.entity(entity_id)
    assert (entity.deleted_at, entity.attributes["city"]) == (None, "Basel")
    assert sides.states(entity_id) == ["dropped"]
    assert sides.events() == [ENTITY_CREATED]


def test_deleted_here_with_the_deletion_winning_it_goes_with_the_new_version(sides: Sides) -> None:
    entity_id = sides.shared(**AGREED)
    delete_here(sides, entity_id)
    sides.options = replace(sides.options, deletes="delete_wins")
    news(sides, entity_id, city="Basel")
    assert sides.states(entity_id) == ["pending"]
    assert sides.entity(entity_id).external_version == "2"
    assert sides.history(entity_id) == [("merged", {"city": ["Basel", None]})]


def test_deleted_on_both_sides_is_no_conflict(sides: Sides) -> None:
    entity_id = sides.shared(**AGREED)
    delete_here(sides, entity_id)
    gone(sides, entity_id)
    assert sides.states(entity_id) == ["done"]
    assert sides.conflicts() == []
