"""A field that goes to and fro, and one that somebody changes often."""

from __future__ import annotations

from gateway.entities.pushing.loops import ROUNDS, Step, looping_field

OURS, THEIRS = Step("local", {"a": [1, 2]}), Step("pull", {"a": [2, 1]})


def test_turns_here_and_there_are_a_loop() -> None:
    assert looping_field([OURS, THEIRS] * ROUNDS, ["b", "a"]) == "a"
    assert looping_field([OURS, THEIRS] * (ROUNDS - 1) + [OURS], ["a"]) is None
    assert looping_field([OURS, Step("merge", {"a": [2, 1]})] * ROUNDS, ["a"]) == "a"


def test_one_side_alone_may_change_it_as_often_as_it_likes() -> None:
    assert looping_field([OURS] * 100, ["a"]) is None
    assert looping_field([OURS] * 50 + [THEIRS] * 50, ["a"]) is None


def test_turns_of_different_fields_are_none() -> None:
    steps = [step for number in range(20) for step in (Step("local", {f"f{number}": [1, 2]}), THEIRS)]
    assert looping_field(steps, [f"f{number}" for number in range(20)]) is None
