"""The three-way merge: each row of its table, each policy, lists, and what must hold for whatever is merged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entities.comparing import same
from gateway.entities.external import Direction, FieldRule, Policy
from gateway.entities.merging import Merge, merge
from gateway.entities.options import SyncOptions
from gateway.entities.rules import Rules

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
BOTH = FieldRule(direction=Direction.BOTH)


def rules(policy: Policy = Policy.MANUAL, **fields: FieldRule) -> Rules:
    return Rules(kind="contact", fields=fields, default=BOTH, options=SyncOptions(policy=policy))


def merged(base: Any, local: Any, external: Any, under: Rules | None = None, **times: datetime) -> Merge:
    return merge(base, local, external, under or rules(), **times)


def test_nobody_moved() -> None:
    outcome = merged({"a": 1}, {"a": 1}, {"a": 1})
    assert outcome.is_settled
    assert outcome.attributes == outcome.base == {"a": 1}


def test_one_side_moved() -> None:
    outcome = merged({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 3})
    assert outcome.attributes == {"a": 2, "b": 3}
    assert outcome.base == {"a": 1, "b": 3}
    assert outcome.to_send == {"a": 2}
    assert outcome.conflicts == {}


def test_both_made_the_same_edit() -> None:
    outcome = merged({"a": 1}, {"a": "2 "}, {"a": "2"})
    assert outcome.is_settled
    assert outcome.attributes == outcome.base == {"a": "2"}


def test_both_moved_apart_waits_with_the_base_it_had() -> None:
    outcome = merged({"a": 1}, {"a": 2}, {"a": 3})
    assert outcome.conflicts["a"].document() == {"base": 1, "local": 2, "external": 3}
    assert outcome.attributes == {"a": 2}
    assert outcome.base == {"a": 1}
    assert outcome.to_send == {}


def test_a_conflict_is_still_one_when_the_external_side_moves_on() -> None:
    first = merged({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 3, "b": 1})
    second = merged(first.base, first.attributes, {"a": 3, "b": 9})
    assert second.conflicts["a"].document() == {"base": 1, "local": 2, "external": 3}
    assert second.attributes == {"a": 2, "b": 9}


def test_absent_is_not_null() -> None:
    assert merged({"a": 1}, {"a": 1}, {}).attributes == {}
    assert merged({"a": 1}, {"a": 1}, {"a": None}).attributes == {"a": None}
    assert merged({}, {"a": None}, {}).to_send == {"a": None}
    assert merged({"a": 1}, {"a": 2}, {}).conflicts["a"].document() == {"base": 1, "local": 2}
    assert merged({"a": 1}, {}, {"a": 1}).to_send == {"a": None}


@pytest.mark.parametrize(
    ("policy", "value", "sent"),
    [(Policy.EXTERNAL_WINS, 3, {}), (Policy.LOCAL_WINS, 2, {"a": 2})],
)
def test_a_policy_settles_and_says_so(policy: Policy, value: int, sent: Mapping[str, int]) -> None:
    outcome = merged({"a": 1}, {"a": 2}, {"a": 3}, rules(policy))
    assert (outcome.attributes, outcome.base, outcome.to_send) == ({"a": value}, {"a": 3}, sent)
    assert outcome.decided["a"].policy is policy
    assert outcome.decided["a"].sides == (1, 2, 3)


@pytest.mark.parametrize(("preferred", "value"), [("local", 2), ("external", 3)])
def test_priority_is_the_side_that_the_field_names(preferred: str, value: int) -> None:
    rule = FieldRule(direction=Direction.BOTH, policy=Policy.PRIORITY, preferred=preferred)
    assert merged({"a": 1}, {"a": 2}, {"a": 3}, rules(a=rule)).attributes == {"a": value}


def test_priority_of_no_side_is_a_conflict() -> None:
    rule = FieldRule(direction=Direction.BOTH, policy=Policy.PRIORITY)
    assert set(merged({"a": 1}, {"a": 2}, {"a": 3}, rules(a=rule)).conflicts) == {"a"}


@pytest.mark.parametrize(("ahead_seconds", "value"), [(5.1, 2), (-5.1, 3), (5.0, None), (-5.0, None), (0, None)])
def test_newest_wins_unless_it_is_within_the_skew_margin(ahead_seconds: float, value: int | None) -> None:
    outcome = merged(
        {"a": 1},
        {"a": 2},
        {"a": 3},
        rules(Policy.NEWEST_WINS),
        local_at=NOON + timedelta(seconds=ahead_seconds),
        external_at=NOON,
    )
    assert outcome.attributes == {"a": value or 2}
    assert set(outcome.conflicts) == ({"a"} if value is None else set())


def test_newest_wins_needs_both_times() -> None:
    outcome = merged({"a": 1}, {"a": 2}, {"a": 3}, rules(Policy.NEWEST_WINS), local_at=NOON)
    assert set(outcome.conflicts) == {"a"}


def test_a_field_that_is_the_external_systems_alone_is_never_an_edit() -> None:
    outcome = merged({"a": 1}, {"a": 2}, {"a": 3}, rules(a=FieldRule(direction=Direction.PULL)))
    assert outcome.attributes == outcome.base == {"a": 3}
    assert outcome.is_settled


def test_of_a_field_that_is_ours_alone_the_external_value_is_not_looked_at() -> None:
    under = rules(a=FieldRule(direction=Direction.PUSH))
    assert merged({"a": 1}, {"a": 2}, {"a": 3}, under).to_send == {"a": 2}
    assert merged({"a": 1}, {"a": 1}, {"a": 3}, under).is_settled
    assert merged({"a": 1}, {"a": 1}, {}, under).attributes == {"a": 1}


def test_options_say_otherwise_for_a_kind_a_field_or_both() -> None:
    options = SyncOptions(
        policies={"contact.a": Policy.LOCAL_WINS, "a": Policy.EXTERNAL_WINS, "b": Policy.EXTERNAL_WINS},
        directions={"contact.c": Direction.PULL},
    )
    under = Rules(kind="contact", fields={}, default=BOTH, options=options)
    outcome = merged({"a": 1, "b": 1, "c": 1}, dict.fromkeys("abc", 2), dict.fromkeys("abc", 3), under)
    assert outcome.attributes == {"a": 2, "b": 3, "c": 3}


KEYED = FieldRule(direction=Direction.BOTH, list_key="id")


def test_lists_are_merged_item_by_item_where_their_items_can_be_told_apart() -> None:
    base = [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}, {"id": 3, "v": "c"}]
    local = [{"id": 1, "v": "A"}, {"id": 2, "v": "b"}, {"id": 3, "v": "c"}, {"id": 9, "v": "new"}]
    external = [{"id": 3, "v": "C"}, {"id": 1, "v": "a"}]
    outcome = merged({"a": base}, {"a": local}, {"a": external}, rules(a=KEYED))
    assert outcome.attributes["a"] == [{"id": 3, "v": "C"}, {"id": 1, "v": "A"}, {"id": 9, "v": "new"}]
    assert outcome.base["a"] == external
    assert outcome.to_send == {"a": outcome.attributes["a"]}


def test_an_item_that_both_changed_is_a_conflict_of_the_list_or_its_policys() -> None:
    base, local, external = ([{"id": 1, "v": value}] for value in "abc")
    assert set(merged({"a": base}, {"a": local}, {"a": external}, rules(a=KEYED)).conflicts) == {"a"}
    settled = merged({"a": base}, {"a": local}, {"a": external}, rules(Policy.LOCAL_WINS, a=KEYED))
    assert settled.attributes["a"] == local
    assert settled.decided["a"].winner == "local"


@pytest.mark.parametrize("odd", [[1, 2], [{"id": 1}, {"id": 1}], [{"v": 1}], "text", {"id": 1}])
def test_a_list_whose_items_cannot_be_told_apart_is_one_value(odd: Any) -> None:
    outcome = merged({"a": [{"id": 1}]}, {"a": [{"id": 1}, {"id": 2}]}, {"a": odd}, rules(a=KEYED))
    assert set(outcome.conflicts) == {"a"}


VALUES = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "a ", "b", "3"]))
DOCUMENTS = st.dictionaries(st.sampled_from("abcd"), st.one_of(VALUES, st.lists(VALUES, max_size=2)), max_size=4)
POLICIES = st.sampled_from(list(Policy))


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS, POLICIES)
def test_no_edit_vanishes_without_a_record(base: Any, local: Any, external: Any, policy: Policy) -> None:
    outcome = merged(base, local, external, rules(policy))
    for field in {*base, *local, *external}:
        kept = {"kept": outcome.attributes[field]} if field in outcome.attributes else {}
        for side in (local, external):
            theirs = {"kept": side[field]} if field in side else {}
            before = {"kept": base[field]} if field in base else {}
            is_edit = not same(theirs, before)
            assert not is_edit or same(kept, theirs) or field in outcome.conflicts or field in outcome.decided


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS, POLICIES)
def test_what_is_sent_makes_both_sides_one(base: Any, local: Any, external: Any, policy: Policy) -> None:
    first = merged(base, local, external, rules(policy))
    there = {**external, **first.to_send}
    # What comes back of a field that was sent is taken for what it is here, too.
    second = merged({**first.base, **first.to_send}, {**first.attributes, **first.to_send}, there, rules(policy))
    assert second.to_send == {}
    assert set(second.conflicts) <= set(first.conflicts)


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_merging_again_changes_nothing(base: Any, local: Any, external: Any) -> None:
    first = merged(base, local, external)
    second = merged(first.base, first.attributes, external)
    assert (second.attributes, second.to_send, second.conflicts) == (first.attributes, first.to_send, first.conflicts)
