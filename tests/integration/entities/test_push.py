"""Pushes: situations 25 to 40 of sync engines, each with a real external system in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gateway.clients.errors import (
    AuthenticationFailed,
    DeadlineExceeded,
    FailedCall,
    RateLimited,
    RemoteNotFound,
    RequestRefused,
    Unavailable,
)
from gateway.entities.external import Direction, FieldRule, Policy
from gateway.entities.options import SyncOptions
from gateway.errors import InvalidInput
from gateway.events.system import CONFLICT_DETECTED, ENTITY_CREATED, ENTITY_DELETED, ENTITY_UPDATED
from tests.integration.entities.conftest import Sides
from tests.services.memory_system import failing, without

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LOST = DeadlineExceeded("no answer came", call=FailedCall(may_have_happened=True))


def calls(sides: Sides, operation: str) -> list[Any]:
    return [about for called, about in sides.there.calls if called == operation]


def agree(sides: Sides, entity_id: str, record_id: str = "c1") -> None:
    """Both sides have the same, and nothing is left to do."""
    entity, mapped = sides.entity(entity_id), sides.there.map(sides.there.records[record_id])
    assert entity.attributes == mapped.attributes
    assert entity.base is None
    assert entity.external_version == mapped.version
    before = len(sides.there.calls)
    assert sides.push()["left"] == 0
    assert len(sides.there.calls) == before


# 25


def test_an_edit_is_one_call_with_its_version_and_its_answer_is_the_new_base(sides: Sides) -> None:
    entity_id = sides.shared(phone="1", city="Bern")
    sides.set(entity_id, phone="2")
    result = sides.push()
    assert (result["updated"], result["left"], result["blocked"]) == (1, 0, None)
    [outgoing] = calls(sides, "update")
    assert (outgoing.integration_id, outgoing.version, outgoing.fields) == ("c1", "1", {"phone": "2"})
    assert outgoing.attributes == {"phone": "2", "city": "Bern"}
    assert outgoing.idempotency_key == sides.changes(entity_id)[0].idempotency_key
    agree(sides, entity_id)
    assert [action for action, _ in sides.history(entity_id)] == ["updated", "pushed"]
    assert sides.events() == [ENTITY_UPDATED]


def test_an_answer_that_says_nothing_is_looked_up(sides: Sides) -> None:
    sides.there.answers = False
    entity_id = sides.shared(phone="1")
    sides.set(entity_id, phone="2")
    sides.push()
    agree(sides, entity_id)


# 26


def test_another_field_that_changed_there_survives_and_only_ours_is_sent_again(sides: Sides) -> None:
    entity_id = sides.shared(phone="1", city="Bern")
    sides.set(entity_id, phone="2")
    sides.there.put("c1", city="Basel")
    sides.push()
    assert [one.fields for one in calls(sides, "update")] == [{"phone": "2"}, {"phone": "2"}]
    assert sides.there.records["c1"]["city"] == "Basel"
    assert sides.there.records["c1"]["phone"] == "2"
    agree(sides, entity_id)


# 27


@pytest.mark.parametrize(
    ("policy", "value"),
    [(Policy.EXTERNAL_WINS, "3"), (Policy.LOCAL_WINS, "2"), (Policy.NEWEST_WINS, "2"), (Policy.PRIORITY, "2")],
)
def test_the_same_field_by_policy(sides: Sides, policy: Policy, value: str) -> None:
    sides.there.default_rule = FieldRule(direction=Direction.BOTH, preferred="local")
    sides.options = SyncOptions(policy=policy)
    entity_id = sides.shared(phone="1")
    # The system's clock says November 2026, ours a year later.
    sides.later(timedelta(days=365).total_seconds())
    sides.set(entity_id, phone="2")
    sides.there.put("c1", phone="3")
    sides.push()
    assert sides.there.records["c1"]["phone"] == value
    assert sides.conflicts() == []
    agree(sides, entity_id)


def test_the_same_field_by_hand_is_one_conflict_with_all_three_sides(sides: Sides) -> None:
    entity_id = sides.shared(phone="1")
    sides.set(entity_id, phone="2")
    sides.there.put("c1", phone="3")
    assert sides.push()["left"] == 0
    [conflict] = sides.conflicts()
    assert conflict.fields == {"phone": {"base": "1", "local": "2", "external": "3"}}
    assert sides.there.records["c1"]["phone"] == "3"
    assert sides.entity(entity_id).attributes["phone"] == "2"
    assert sides.states(entity_id) == ["conflict"]
    assert sides.events() == [ENTITY_UPDATED, CONFLICT_DETECTED]


# 28


def test_newest_wins_within_the_skew_is_no_toss_of_a_coin(sides: Sides) -> None:
    sides.options = SyncOptions(policy=Policy.NEWEST_WINS, skew_seconds=10**9)
    entity_id = sides.shared(phone="1")
    sides.set(entity_id, phone="2")
    sides.there.put("c1", phone="3")
    sides.push()
    assert len(sides.conflicts()) == 1


# 29


def test_a_conflict_is_changed_by_a_third_edit_and_decided_on_the_newest_version(sides: Sides) -> None:
    entity_id = sides.shared(phone="1", city="Bern")
    sides.set(entity_id, phone="2")
    sides.there.put("c1", phone="3")
    sides.push()
    sides.there.put("c1", phone="4", city="Basel")
    sides.pull("c1", entity_id)
    [conflict] = sides.conflicts()
    assert conflict.fields["phone"]["external"] == "4"
    sides.resolve(take="local")
    sides.push()
    assert sides.there.records["c1"]["phone"] == "2"
    assert [one.version for one in calls(sides, "update")] == ["1", "3"]
    assert [one.state for one in sides.conflicts()] == ["resolved"]
    agree(sides, entity_id)


def test_while_a_field_waits_for_a_person_others_are_sent(sides: Sides) -> None:
    entity_id = sides.shared(phone="1", city="Bern")
    sides.set(entity_id, phone="2")
    sides.there.put("c1", phone="3")
    sides.push()
    sides.set(entity_id, city="Basel")
    sides.push()
    assert sides.there.records["c1"]["city"] == "Basel"
    assert sides.there.records["c1"]["phone"] == "3"
    [conflict] = sides.conflicts()
    assert (conflict.state, conflict.fields["phone"]["local"]) == ("open", "2")
    sides.set(entity_id, phone="5")
    [conflict] = sides.conflicts()
    assert conflict.fields["phone"] == {"base": "1", "local": "5", "external": "3"}
    sides.resolve(take="external")
    assert sides.entity(entity_id).attributes["phone"] == "3"
    agree(sides, entity_id)


# 30


def test_the_same_edit_on_both_sides_writes_nothing(sides: Sides) -> None:
    entity_id = sides.shared(phone="1")
    sides.set(entity_id, phone="2")
    sides.there.put("c1", phone="2")
    sides.push()
    assert sides.there.records["c1"]["version"] == 2
    assert sides.conflicts() == []
    agree(sides, entity_id)


# 31


def test_a_create_whose_answer_was_lost_is_looked_up_before_it_is_repeated(sides: Sides) -> None:
    sides.there.after.append(failing("create", LOST))
    entity_id = sides.create(phone="1")
    assert sides.push()["left"] == 1
    sides.later(60)
    sides.push()
    assert len(sides.there.records) == 1
    assert sides.there.count("create") == 1
    [record_id] = sides.there.records
    assert sides.entity(entity_id).integration_id == record_id
    agree(sides, entity_id, record_id)


def test_a_create_that_never_arrived_is_made_once(sides: Sides) -> None:
    sides.there.before.append(failing("create", LOST))
    sides.create(phone="1")
    sides.push()
    sides.later(60)
    sides.push()
    assert len(sides.there.records) == 1
    assert len({one.idempotency_key for one in calls(sides, "create")}) == 1


def test_a_create_that_may_have_happened_and_is_not_wanted_any_more_is_undone(sides: Sides) -> None:
    sides.there.after.append(failing("create", LOST))
    entity_id = sides.create(phone="1")
    sides.push()
    sides.delete(entity_id)
    sides.later(60)
    sides.push()
    assert sides.there.records == {}
    assert set(sides.states(entity_id)) == {"done"}


def test_what_was_never_sent_is_deleted_without_a_call(sides: Sides) -> None:
    entity_id = sides.create(phone="1")
    sides.delete(entity_id)
    assert sides.push()["left"] == 0
    assert sides.there.calls == []
    assert set(sides.states(entity_id)) == {"dropped"}


# 32


@pytest.mark.parametrize(("take", "is_there"), [("local", False), ("external", True)])
def test_deleted_here_and_edited_there(sides: Sides, take: str, is_there: bool) -> None:
    entity_id = sides.shared(phone="1")
    sides.delete(entity_id)
    sides.there.put("c1", phone="3")
    sides.push()
    [conflict] = sides.conflicts()
    assert conflict.kind == "delete"
    assert "c1" in sides.there.records
    sides.resolve(take=take)
    sides.push()
    assert ("c1" in sides.there.records) is is_there
    entity = sides.entity(entity_id)
    assert (entity.deleted_at is None) is is_there
    if is_there:
        assert entity.attributes == {"phone": "3"}
        agree(sides, entity_id)


@pytest.mark.parametrize(("take", "is_there"), [("local", True), ("external", False)])
def test_edited_here_and_deleted_there(sides: Sides, take: str, is_there: bool) -> None:
    entity_id = sides.shared(phone="1", city="Bern")
    sides.set(entity_id, phone="2")
    sides.there.remove("c1")
    sides.push()
    [conflict] = sides.conflicts()
    assert (conflict.kind, conflict.fields) == ("delete", {"phone": {"base": "1", "local": "2"}})
    sides.resolve(take=take)
    sides.push()
    entity = sides.entity(entity_id)
    assert (entity.deleted_at is None) is is_there
    assert len(sides.there.records) == is_there
    if is_there:
        [record_id] = sides.there.records
        assert sides.there.records[record_id]["phone"] == "2"
        assert sides.there.records[record_id]["city"] == "Bern"
        agree(sides, entity_id, record_id)


# 33


def test_an_echo_that_comes_before_the_answer_is_no_event_and_no_second_push(sides: Sides) -> None:
    entity_id = sides.shared(phone="1")
    sides.there.after.append(lambda called, _what: called == "update" and sides.pull("c1", entity_id))
    sides.set(entity_id, phone="2")
    sides.push()
    assert sides.there.count("update") == 1
    assert sides.there.count("look_up") == 0
    assert sides.events() == [ENTITY_UPDATED]
    sides.there.after.clear()
    agree(sides, entity_id)


def test_what_a_pull_saw_amid_a_push_and_was_not_its_work_is_looked_at_again(sides: Sides) -> None:
    entity_id = sides.shared(phone="1", city="Bern")

    def somebody_else(called: str, _what: Any) -> None:
        if called == "update":
            # After our call has taken effect, and before its answer is there.
            sides.there.put("c1", city="Basel")
            sides.pull("c1", entity_id)

    sides.there.after.append(somebody_else)
    # The answer is what the system had before that.
    answer = sides.there.update
    sides.there.update = lambda outgoing: {**(answer(outgoing) or {}), "city": "Bern", "version": 2}  # type: ignore[method-assign]
    sides.set(entity_id, phone="2")
    sides.push()
    assert sides.entity(entity_id).attributes == {"phone": "2", "city": "Basel"}
    assert sides.conflicts() == []


# 34


def trimmed(record: dict[str, Any]) -> None:
    if isinstance(record.get("phone"), str):
        record["phone"] = record["phone"].strip().lower()


def test_what_the_system_makes_of_it_is_the_new_base(sides: Sides) -> None:
    sides.there.normalise = trimmed
    entity_id = sides.shared(phone="a")
    sides.set(entity_id, phone=" B ")
    sides.push()
    assert sides.there.count("update") == 1
    assert sides.entity(entity_id).attributes == {"phone": "b"}
    assert sides.conflicts() == []
    assert sides.events() == [ENTITY_UPDATED, ENTITY_UPDATED]
    agree(sides, entity_id)


def test_a_system_that_takes_an_edit_and_keeps_what_it_had_is_not_asked_for_ever(sides: Sides) -> None:
    sides.there.normalise = lambda record: record.update(phone="fixed")
    entity_id = sides.shared(phone="fixed")
    sides.set(entity_id, phone="2")
    sides.push()
    assert sides.there.count("update") == 1
    assert sides.entity(entity_id).attributes == {"phone": "fixed"}
    agree(sides, entity_id)


# 35


def test_an_edit_that_comes_while_the_one_before_is_under_way_follows_it(sides: Sides) -> None:
    sides.there.normalise = trimmed
    entity_id = sides.shared(phone="1", city="Bern")

    def edit_again(called: str, outgoing: Any) -> None:
        if called == "update" and outgoing.fields["phone"] == "2 ":
            sides.set(entity_id, phone="3")

    sides.there.before.append(edit_again)
    sides.set(entity_id, phone="2 ")
    sides.push()
    assert [one.fields for one in calls(sides, "update")] == [{"phone": "2 "}, {"phone": "3"}]
    assert sides.conflicts() == []
    agree(sides, entity_id)


def test_edits_that_wait_together_are_one_call(sides: Sides) -> None:
    entity_id = sides.shared(phone="1", city="Bern")
    sides.set(entity_id, phone="2")
    sides.set(entity_id, city="Basel")
    sides.set(entity_id, phone="3")
    sides.push()
    assert [one.fields for one in calls(sides, "update")] == [{"phone": "3", "city": "Basel"}]
    assert sides.states(entity_id) == ["done"] * 3
    agree(sides, entity_id)


def test_an_edit_that_was_taken_back_before_it_was_sent_is_no_call(sides: Sides) -> None:
    entity_id = sides.shared(phone="1")
    sides.set(entity_id, phone="2")
    sides.set(entity_id, phone="1")
    sides.push()
    assert sides.there.count("update") == 0
    agree(sides, entity_id)


# 36


def test_two_tools_that_undo_each_others_work_are_stopped_with_a_reason(sides: Sides) -> None:
    sides.options = SyncOptions(policy=Policy.LOCAL_WINS)
    entity_id = sides.shared(phone="x")
    rounds = 0
    while sides.states(entity_id)[-1:] != ["parked"]:
        rounds += 1
        assert rounds < 15
        # An application's handler sets it, another tool copies it back with a blank before it.
        sides.set(entity_id, phone=f"n{rounds}")
        sides.push()
        sides.there.put("c1", phone=f" n{rounds}")
        sides.pull("c1", entity_id)
        sides.later(5)
    assert rounds <= 10
    [stopped] = [one for one in sides.changes(entity_id) if one.state == "parked"]
    assert stopped.reason == "loop"
    assert "phone" in (stopped.detail or "")


def test_one_who_changes_a_field_many_times_is_no_loop(sides: Sides) -> None:
    entity_id = sides.shared(phone="x")
    for number in range(20):
        sides.set(entity_id, phone=str(number))
        sides.push()
    assert set(sides.states(entity_id)) == {"done"}


# 37


def test_a_field_that_is_the_systems_alone_is_refused_at_the_door(sides: Sides) -> None:
    sides.there.fields = {"total": FieldRule(direction=Direction.PULL)}
    entity_id = sides.shared(phone="1", total=5)
    with pytest.raises(InvalidInput) as refused:
        sides.set(entity_id, phone="2", total=6)
    assert [(fault.field, fault.code) for fault in refused.value.faults] == [("fields.total", "read_only")]
    assert sides.changes(entity_id) == []
    assert sides.events() == []


def test_what_the_system_refuses_is_parked_with_its_words_until_it_is_edited_again(sides: Sides) -> None:
    entity_id = sides.shared(phone="1")
    sides.there.before.append(failing("update", RequestRefused("phone is no number")))
    sides.set(entity_id, phone="x")
    assert sides.push()["parked"] == 1
    sides.later(10**6)
    assert sides.push()["left"] == 0
    assert sides.there.count("update") == 1
    [parked] = sides.changes(entity_id)
    assert (parked.reason, parked.detail) == ("request_refused", "phone is no number")
    sides.set(entity_id, phone="2")
    sides.push()
    agree(sides, entity_id)
    assert sides.states(entity_id) == ["done", "done"]


# 38


def test_parents_are_made_before_their_children(sides: Sides) -> None:
    sides.options = SyncOptions(push_concurrency=2)
    sides.there.before.append(failing("create", Unavailable("not now"), about=None))
    parent = sides.create(phone="parent")
    child = sides.create(parent, phone="child")
    sides.push()
    assert [(one.reason, one.state) for one in sides.changes(child)] == [("waits_for_parent", "pending")]
    sides.later(60)
    sides.push()
    made = sides.entity(parent).integration_id
    assert [one.parent for one in calls(sides, "create")][-1] == made
    assert sides.entity(child).parent == made
    assert sides.entity(child).integration_id is not None


def test_a_child_says_that_its_parent_failed(sides: Sides) -> None:
    sides.there.before.append(failing("create", RequestRefused("no")))
    parent = sides.create(phone="parent")
    child = sides.create(parent, phone="child")
    sides.push()
    sides.later(600)
    sides.push()
    [waiting] = sides.changes(child)
    assert (waiting.reason, waiting.state, waiting.detail) == ("parent_failed", "pending", f"its parent is {parent}")


# 40


def test_edits_wait_for_a_new_grant_and_burn_no_attempts(sides: Sides) -> None:
    ids = [sides.shared(f"c{number}", phone="1") for number in range(30)]
    for entity_id in ids:
        sides.set(entity_id, phone="2")
    broken = failing("update", AuthenticationFailed("expired"), times=10**6)
    sides.there.before.append(broken)
    for _ in range(3):
        result = sides.push()
        assert (result["left"], result["blocked"]) == (30, "authentication_failed")
    assert {one.attempts_made for entity_id in ids for one in sides.changes(entity_id)} == {0}
    sides.there.before.remove(broken)
    assert sides.push()["updated"] == 30
    assert {record["phone"] for record in sides.there.records.values()} == {"2"}


def test_a_limit_is_kept_for_as_long_as_the_system_asked(sides: Sides) -> None:
    entity_id = sides.shared(phone="1")
    sides.set(entity_id, phone="2")
    sides.there.before.append(failing("update", RateLimited("slowly", retry_after_seconds=120)))
    result = sides.push()
    assert (result["blocked"], result["left"]) == ("system_rate_limited", 1)
    sides.push()
    assert sides.there.count("update") == 1
    sides.later(121)
    sides.push()
    agree(sides, entity_id)


# What else goes wrong.


def test_what_may_pass_is_tried_again_later_and_later(sides: Sides) -> None:
    entity_id = sides.shared(phone="1")
    sides.there.before.append(failing("update", Unavailable("down"), times=3))
    sides.set(entity_id, phone="2")
    waits = []
    for _ in range(3):
        before = sides.clock.now_us()
        sides.push()
        [change] = sides.changes(entity_id)
        waits.append((change.next_attempt_at.timestamp() * 1e6 - before) / 1e6)
        sides.later(waits[-1] + 1)
    assert waits == sorted(waits)
    assert 4 <= waits[0] <= 6
    sides.push()
    agree(sides, entity_id)


def test_an_update_whose_answer_was_lost_is_not_sent_twice(sides: Sides) -> None:
    entity_id = sides.shared(phone="1")
    sides.there.after.append(failing("update", LOST))
    sides.set(entity_id, phone="2")
    sides.push()
    sides.later(60)
    sides.push()
    assert sides.there.count("update") == 1
    agree(sides, entity_id)


def test_what_was_lost_is_sent_as_it_was_before_what_came_after_it(sides: Sides) -> None:
    """The same key never stands for two different things."""
    sides.there.abilities = without(looks_up=False, is_conditional=False)
    entity_id = sides.shared(phone="1")
    sides.there.after.append(failing("update", LOST))
    sides.set(entity_id, phone="2")
    sides.push()
    sides.set(entity_id, phone="3")
    sides.later(60)
    sides.push()
    first, second, third = calls(sides, "update")
    assert (first.fields, first.idempotency_key) == (second.fields, second.idempotency_key)
    assert third.fields == {"phone": "3"}
    assert third.idempotency_key != first.idempotency_key
    assert sides.there.records["c1"]["phone"] == "3"


def test_a_delete_is_sent_once_and_what_is_gone_already_is_no_error(sides: Sides) -> None:
    entity_id = sides.shared(phone="1")
    other = sides.shared("c2", phone="1")
    sides.there.remove("c2")
    sides.delete(entity_id)
    sides.delete(other)
    assert sides.push()["deleted"] == 2
    assert sides.there.records == {}
    assert sides.states(entity_id) == sides.states(other) == ["done"]
    assert sides.events() == [ENTITY_DELETED, ENTITY_DELETED]


def test_a_deletion_is_taken_back_before_it_is_sent_and_made_anew_after(sides: Sides) -> None:
    entity_id = sides.shared(phone="1")
    sides.delete(entity_id)
    sides.restore(entity_id)
    sides.push()
    assert sides.there.calls == []
    sides.delete(entity_id)
    sides.push()
    assert sides.there.records == {}
    sides.restore(entity_id)
    sides.push()
    [record_id] = sides.there.records
    agree(sides, entity_id, record_id)
    assert sides.events() == [ENTITY_DELETED, ENTITY_CREATED, ENTITY_DELETED, ENTITY_CREATED, ENTITY_UPDATED]


def test_a_type_that_raises_anything_stops_its_own_edits_only(sides: Sides) -> None:
    first, second = sides.shared("c1", phone="1"), sides.shared("c2", phone="1")
    sides.there.before.append(_only("c1", ZeroDivisionError("a defect")))
    sides.set(first, phone="2")
    sides.set(second, phone="2")
    result = sides.push()
    assert (result["updated"], result["left"]) == (1, 1)
    [change] = sides.changes(first)
    assert "ZeroDivisionError" in (change.detail or "")


def _only(record_id: str, error: Exception) -> Callable[[str, Any], None]:
    def fail(called: str, what: Any) -> None:
        if called == "update" and what.integration_id == record_id:
            raise error

    return fail


def test_a_proxy_that_rewrites_versions_is_named(sides: Sides) -> None:
    entity_id = sides.shared(phone="1")
    sides.there._require_version = _refuse_all  # type: ignore[method-assign]
    sides.set(entity_id, phone="2")
    sides.push()
    [change] = sides.changes(entity_id)
    assert change.reason == "version_refused"
    assert "ETag" in (change.detail or "")


def _refuse_all(_outgoing: Any) -> None:
    from gateway.clients.errors import RemoteConflict

    raise RemoteConflict("precondition failed")


def test_a_record_that_is_gone_under_an_update_is_no_create(sides: Sides) -> None:
    entity_id = sides.shared(phone="1")
    sides.there.before.append(failing("update", RemoteNotFound("gone")))
    sides.set(entity_id, phone="2")
    sides.push()
    assert [one.kind for one in sides.conflicts()] == ["delete"]
    assert sides.there.count("create") == 0
