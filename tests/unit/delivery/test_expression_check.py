"""Expressions that fail on every event are told before they are stored; those that work on some are let pass."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.decisions.expression_check import RESULTS, expression_faults
from gateway.delivery.decisions.expressions import (
    EventFunctions,
    ExpressionFailed,
    Subject,
    compile_expression,
)
from tests.services.for_each import for_each_row

SUBJECT = Subject(
    "evt_1", "push", "github", "application/json", (), b'{"a": "x", "n": 1, "l": [1], "o": {}, "t": ["x"]}'
)


def messages(text: str) -> list[str]:
    found = list(expression_faults("where", text, what="the filter"))
    assert all(fault.field == "where" for fault in found)
    return [fault.message for fault in found]


@for_each_row(
    "text",
    [
        "a.b[?c == 'd'].e | [0]",
        "length(a) > `1` && contains(keys(@), 'release')",
        "join(' ', [sender.login, action, event_type()])",
        "sort_by(list, &name)[0].{name: name, all: map(&to_string(@), tags)}",
        "max_by(list, &n) || min_by(list, &n)",
        "merge(a, {b: c}, `{}`)",
        "not_null(a, header('X-Kind'), 'none')",
        "abs(avg(n)) == sum([a, `1`])",
        "length(`[1]`) == length('text') && reverse('text') == reverse(l)",
        "starts_with(event_id(), 'evt_') || ends_with(source(), type(@))",
        "`1` | to_string(@) | length(@)",
        "list[*].length(@)",
        "max([`1`, n]) && min(['a', b])",
        "map(&length(@), list)",
    ],
)
def test_what_may_work_is_taken(text: str) -> None:
    assert messages(text) == []


@for_each_row(
    ("text", "message"),
    [
        ("lenght(a)", "calls lenght(), and there is no such function"),
        ("a[?upper(b) == 'X']", "calls upper()"),
        ("{x: [y, z.none(`1`)]}", "calls none()"),
        ("length()", "calls length() with 0: it takes 1 argument"),
        ("contains(a)", "with 1: it takes 2 arguments"),
        ("event_id(a)", "with 1: it takes 0 arguments"),
        ("not_null()", "it takes at least 1 argument"),
        ("length(`1`)", "calls length() with a number: it takes a string or an array or an object"),
        ("abs('1')", "with a string: it takes a number"),
        ("join(', ', 'x')", "calls join() with a string"),
        ("join(', ', [a, `1`])", "an array that holds a number: it takes an array of strings"),
        ('sum(`["1"]`)', "an array that holds a string"),
        ("keys([a])", "calls keys() with an array"),
        ("sort_by(list, 'name')", "calls sort_by() with a string: it takes an expression (&)"),
        ("sort_by(&name, list)", "&"),
        ("map(list, &name)", "&"),
        ("length(a == b)", "with a boolean"),
        ("`1` | length(@)", "with a number"),
        ("header(`1`)", "calls header() with a number"),
        ("abs(to_string(a))", "with a string: it takes a number"),
        ("&a", "has & before what is no argument"),
        ("{a: &b}", "has & before"),
        ("to_string(&a)", "with an expression (&): it takes a value"),
        ("map(&lenght(@), list)", "calls lenght()"),
        ("[", "is not valid JMESPath"),
        ("(" * 5_000 + "a" + ")" * 5_000, "nested too deeply"),
    ],
)
def test_what_can_never_work_is_told(text: str, message: str) -> None:
    found = messages(text)
    assert any(message in one for one in found), found
    assert all(one.startswith("the filter ") for one in found)


def test_what_was_nearly_right_is_suggested() -> None:
    [fault] = expression_faults("where", "lenght(a)", what="the filter")
    assert fault.code == "unknown"
    assert fault.hint is not None
    assert fault.hint.parameters == {"names": ["length"]}


def test_every_fault_is_told_at_once() -> None:
    assert len(messages("nope(a) && length() && abs('x')")) == 3


def test_every_function_has_its_result() -> None:
    assert RESULTS.keys() == EventFunctions.FUNCTION_TABLE.keys()


VALUES = st.sampled_from(["a", "n", "l", "o", "t", "missing", "@", "'s'", "`1`", "`true`", "`null`", "`[1]`", "`{}`"])
CALLS = st.sampled_from(sorted(RESULTS)).flatmap(
    lambda name: st.lists(VALUES | VALUES.map(lambda value: f"&{value}"), max_size=3).map(
        lambda arguments: f"{name}({', '.join(arguments)})"
    )
)


@given(CALLS | st.tuples(CALLS, CALLS).map(lambda pair: f"[{pair[0]}, {pair[1]}]"))
def test_what_is_refused_fails_and_what_is_known_of_results_holds(text: str) -> None:
    """Against the library itself: nothing that works on an event is refused."""
    expression = compile_expression(text, what="the filter")
    try:
        expression.apply(SUBJECT)
    except ExpressionFailed:
        return
    # The library takes an expression for a value where any value will do; no event has one.
    assert [one for one in messages(text) if "with an expression (&): it takes a value" not in one] == []


WORKING = [
    "abs(n)",
    "avg(l)",
    "avg(`[]`)",
    "ceil(n)",
    "contains(a,'x')",
    "ends_with(a,'x')",
    "event_id()",
    "event_type()",
    "floor(n)",
    "header('X')",
    "join('-',t)",
    "keys(o)",
    "length(a)",
    "map(&@,l)",
    "max(l)",
    "max(t)",
    "max(`[]`)",
    "max_by(l,&@)",
    "merge(o,o)",
    "min(l)",
    "min(t)",
    "min(`[]`)",
    "min_by(l,&@)",
    "not_null(a)",
    "reverse(a)",
    "reverse(l)",
    "sort(l)",
    "sort_by(l,&@)",
    "source()",
    "starts_with(a,'x')",
    "sum(l)",
    "to_array(a)",
    "to_number(n)",
    "to_number(a)",
    "to_string(n)",
    "type(n)",
    "values(o)",
]


def test_results_are_what_the_table_says() -> None:
    given = {text: compile_expression(f"type({text})", what="the filter").apply(SUBJECT) for text in WORKING}
    wrong = {text: kind for text, kind in given.items() if kind not in RESULTS[text.partition("(")[0]]}
    assert wrong == {}
    assert {text.partition("(")[0] for text in WORKING} == RESULTS.keys()
    assert [text for text in WORKING if messages(text)] == []
