"""An expression makes no more of an event than it may, however short it is."""

from __future__ import annotations

import json
import math
import time

import jmespath
import pytest

from gateway.delivery.decisions.bounded_evaluation import PLAIN_GROWTH, growth
from gateway.delivery.decisions.expressions import ExpressionFailed, Subject, compile_expression
from tests.services.for_each import for_each_row

DOUBLED = "[@,@]|"
LIST = f"`{[*range(25)]}`"
BODY = {"a": 1, "text": "x" * 3_000, "many": [""] * 3_000, "items": [{"sku": f"s{i}", "qty": i} for i in range(50)]}
# What may be done grows with the body: on a small one it is soon known where that ends.
SMALL = {"a": 1, "items": BODY["items"][:5]}
JOINED = "join(text, many)"
COPIED = f"[{','.join(['@'] * 4_000)}]"
NESTED_LOOPS = NESTED_FILTERS = "`1`"
for _ in range(6):
    NESTED_LOOPS = f"max_by({LIST}, &length(to_array({NESTED_LOOPS})))"
    NESTED_FILTERS = f"{LIST}[?{NESTED_FILTERS}]"


def subject(body: object) -> Subject:
    return Subject("evt_1", "order.created", "orders", "application/json", (), json.dumps(body).encode())


@for_each_row(
    "text",
    [
        DOUBLED * 30 + "@",
        f"{{x: {DOUBLED * 30}@}}",
        "[a,a,a,a]" + "[].[@,@,@,@][]" * 12,
        "{a: a}" + "|{a: [a, a], b: a}" * 30,
        "to_string(a)" + "|join('',[@,@])" * 40,
        JOINED,
        "to_string(@)" + "|to_string([@])" * 40,
        f"map(&[@,@], {DOUBLED * 30}@)",
        COPIED,
        f"[{DOUBLED * 30}@] == [{DOUBLED * 30}@]",
        NESTED_LOOPS,
        NESTED_FILTERS,
        "*" + ".[@,@][]" * 40,
    ],
)
def test_what_makes_much_of_little_is_stopped(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ExpressionFailed, match="it makes too much of this event"):
        compile_expression(text, what="it").apply(subject(BODY if text in (JOINED, COPIED) else SMALL))
    assert time.process_time() - began < 5.0


def test_all_expressions_of_an_event_share_what_they_may_do() -> None:
    greedy, honest = (compile_expression(text, what="it") for text in (NESTED_LOOPS, "join(items[0].sku, items[].sku)"))
    given = subject(SMALL)
    assert honest.apply(given) == honest.apply(subject(SMALL))
    with pytest.raises(ExpressionFailed):
        greedy.apply(given)
    with pytest.raises(ExpressionFailed, match="too much"):
        honest.apply(given)


@for_each_row(
    ("text", "grown"),
    [
        ('a == \'x\' && contains(`["b", "c"]`, b)', 1),
        ("items[?qty > `3` && sku != 's1'].{sku: sku, qty: qty}", 2),
        ("{event: @, type: event_type(), source: source()}", 3),
        ("join(', ', items[].sku)", 3),
        ("to_string(items)", 6),
        ("sort_by(items, &qty)[-1].sku", 1),
        ("map(&[@,@], items)", 2),
        ("`[1, 2]`[*].a", math.inf),
        ("join(a, b)", math.inf),
        (DOUBLED * 5 + "@", 32),
        (DOUBLED * 6 + "@", 64),
    ],
)
def test_how_much_an_expression_can_make(text: str, grown: float) -> None:
    assert growth(jmespath.compile(text).parsed) == grown


@for_each_row(
    "text",
    [
        f"{{{','.join(f'f{i}: items[].sku' for i in range(60))}}}",
        "items[*].{" + ",".join(f"f{i}: qty" for i in range(40)) + "}",
        "`[1, 2, 3]`[*].[@]",
        "join(items[0].sku, items[].sku)",
        "[{event: @}, {event: @}]|[0].[event, event, event]|[0]" + "|[@, @]|[0]" * 10,
        "items[?contains(`[1, 2]`, qty)]|[*].[@,@,@,@]|[*].[@,@,@,@]|[*].[@,@,@,@]",
        'not_null(b, `{"c": [1, 2]}`).c[::-1] | reverse(@) | [sort(@), @[].{d: @}, values({e: @})]',
    ],
)
def test_what_is_counted_gives_what_the_library_gives(text: str) -> None:
    expression = compile_expression(text, what="it")
    assert growth(expression.tree) > PLAIN_GROWTH
    assert expression.apply(subject(BODY)) == jmespath.search(text, BODY)
