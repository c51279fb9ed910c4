"""The pure parts of pipelines: rules, patterns that end, thresholds, and what becomes of an entity."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gateway.errors import Fault, InvalidInput
from gateway.integrations.pipelines.mapping import compile_transform
from gateway.integrations.pipelines.patterns import LONGEST_TEXT, compile_pattern, matches
from gateway.integrations.pipelines.rules import judge, read_rules
from gateway.integrations.pipelines.thresholds import Quality, threshold_faults

ENTITY = {"key": "crm:1", "name": "Ann", "attributes": {"email": "a@b.c", "age": 7}}


@pytest.mark.parametrize(
    ("rule", "value", "code"),
    [
        ({"required": True}, None, "required"),
        ({"required": True}, "", "required"),
        ({"required": True}, 0, None),
        ({"required": True}, False, None),
        ({"minimum": 1}, None, None),
        ({"minimum": 1}, 0.5, "range"),
        ({"minimum": 1}, 1, None),
        ({"maximum": 1}, 2, "range"),
        ({"maximum": 1}, True, "range"),
        ({"maximum": 1}, "0", "range"),
        ({"pattern": "[a-z]+"}, "abc", None),
        ({"pattern": "[a-z]+"}, "abc1", "pattern"),
        ({"pattern": "[a-z]+"}, 1, "pattern"),
        ({"pattern": ".*"}, "x" * (LONGEST_TEXT + 1), "pattern"),
        ({"unique": True}, [1], "unique"),
        ({"reference": {"integration": "crm", "kind": "a"}}, {"id": 1}, "reference"),
    ],
)
def test_a_value_against_a_rule(rule: dict[str, Any], value: Any, code: str | None) -> None:
    found = judge({"field": value}, read_rules({"field": rule}, key=None))
    assert [one.code for one in found] == ([] if code is None else [code])


def test_a_key_is_required_and_unique_beside_what_its_rules_say() -> None:
    rules = read_rules({"email": {"pattern": ".*@.*"}}, key="email")
    assert (rules["email"].required, rules["email"].unique) == (True, True)
    assert [one.code for one in judge({}, rules)] == ["required"]
    assert [one.code for one in judge({"email": "x"}, rules)] == ["pattern"]


def test_rules_that_cannot_be_are_told_together() -> None:
    given = {"a": {}, "b": {"uniqe": True}, "c": {"minimum": "1"}, "d": {"reference": {"kind": "x"}}}
    with pytest.raises(InvalidInput) as raised:
        read_rules(given, key=None)
    assert [one.field for one in raised.value.faults] == [
        "rules.a",
        "rules.b.uniqe",
        "rules.c.minimum",
        "rules.d.reference",
    ]
    assert raised.value.faults[1].hint is not None


@pytest.mark.parametrize(
    "text",
    [
        "(a+)+b",
        "(a|a)*b",
        "(?=a)b",
        r"(a)\1",
        "a*a*a*a*b",
        "a?" * 40 + "a" * 40,
        "[",
        "x" * 201,
        "(a{1,9}){9}",
    ],
)
def test_a_pattern_that_could_take_for_ever_is_no_pattern(text: str) -> None:
    with pytest.raises(InvalidInput):
        compile_pattern(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"[^@\s]+@[^@\s]+\.[a-z]{2,10}", "ann@example.com"),
        (r"\d{4}-\d{2}-\d{2}", "2026-11-27"),
        (r"(CH|DE)?-?\d{3,9}", "CH-12345"),
        ("^a$", "a"),
        ("(?:ab)*", "abab"),
    ],
)
def test_patterns_that_people_write(text: str, value: str) -> None:
    assert matches(compile_pattern(text), value)
    assert not matches(compile_pattern(text), value + "!")


def test_the_worst_pattern_ends() -> None:
    pattern = compile_pattern("a*a*a*b")
    begun = time.perf_counter()
    assert not matches(pattern, "a" * LONGEST_TEXT)
    assert time.perf_counter() - begun < 5


def test_thresholds_are_shares_of_what_was_checked() -> None:
    quality = Quality()
    for number in range(10):
        quality.add([Fault("/a", "range", "")] * 2 if number < 2 else [])
    assert quality.exceeded({"any": 0.2}) == []
    assert quality.exceeded({"any": 0.2, "range": 0.1}) == ["2 of 10 records fail range"]
    assert quality.exceeded({}) == ["2 of 10 records fail a rule"]
    assert Quality().exceeded({}) == []
    assert Quality(deleted=5, held=5).exceeded({}) == []
    assert Quality(deleted=6, held=29).exceeded({}) == ["6 of 29 records would be deleted"]
    assert Quality(deleted=6, held=30).exceeded({}) == []


def test_thresholds_that_cannot_be() -> None:
    found = list(threshold_faults({"any": 1, "rnage": 0.5, "unique": True, "range": -1}))
    assert [one.field for one in found] == ["thresholds.rnage", "thresholds.unique", "thresholds.range"]


def test_an_entity_becomes_a_record() -> None:
    transform = compile_transform(
        {"mail": "attributes.email", "old": "attributes.age > `6`", "none": "attributes.none"},
        name="join(' ', ['Dr', name])",
        where="attributes.age == `7`",
        function=None,
    )
    made = transform.apply(ENTITY)
    assert (made.values, made.name) == ({"mail": "a@b.c", "old": True, "none": None}, "Dr Ann")
    assert transform.apply({**ENTITY, "attributes": {"age": 8}}).is_left_out


def test_a_transform_that_fails_costs_one_record_and_tells_nothing_of_it() -> None:
    def broken(_entity: dict[str, Any]) -> Any:
        raise ValueError("the secret of Ann")

    for function, said in ((broken, "the transform raised ValueError"), (lambda _: 3, "the transform gave no object")):
        made = compile_transform({}, name=None, where=None, function=function).apply(ENTITY)
        assert [(one.code, one.message) for one in made.faults] == [("transform_failed", said)]
    made = compile_transform({"x": "abs(name)"}, name=None, where=None, function=None).apply(ENTITY)
    assert [one.field for one in made.faults] == ["/x"]
    assert "Ann" not in made.faults[0].message


def test_the_mapping_reads_what_the_function_gives() -> None:
    transform = compile_transform({"x": "a.b"}, name=None, where=None, function=lambda _: {"a": {"b": 1}})
    assert transform.apply(ENTITY).values == {"x": 1}
    none = compile_transform({"x": "a.b"}, name=None, where=None, function=lambda _: None)
    assert none.apply(ENTITY).is_left_out
