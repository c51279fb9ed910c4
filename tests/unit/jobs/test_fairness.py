"""Free slots of a kind are shared by what tenants have running, not by what they have waiting."""

from __future__ import annotations

from gateway.jobs.queue.fairness import share


def test_who_has_least_running_comes_first() -> None:
    assert share(1, {"a": 3, "b": 1}, ["a", "b", "c"]) == {"c": 1}
    assert share(4, {"a": 3, "b": 1}, ["a", "b", "c"]) == {"c": 2, "b": 2}
    assert share(9, {}, ["a", "b"]) == {"a": 5, "b": 4}


def test_among_equals_it_is_turns() -> None:
    assert share(1, {}, ["b", "a"]) == {"b": 1}


def test_nobody_has_more_than_allowed() -> None:
    assert share(9, {"a": 1, "b": 2}, ["a", "b", "c"], most=2) == {"c": 2, "a": 1}
    assert share(9, {"a": 3}, ["a"], most=2) == {}


def test_without_slots_or_tenants_nobody_gets_any() -> None:
    assert share(0, {}, ["a"]) == {}
    assert share(3, {"a": 1}, []) == {}
