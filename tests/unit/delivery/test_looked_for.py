"""What has to stand in a body for an expression to hold, and what is refused to be looked for."""

from __future__ import annotations

import pytest

from gateway.delivery.decisions.expressions import compile_expression
from gateway.delivery.looked_for import LookedFor, header_of, required_words
from gateway.errors import InvalidInput
from tests.services.for_each import for_each

NOTHING: set[bytes] = set()
REQUIRED = {
    "a text": ("order.id == 'A-4711'", {b"a", b"4711"}),
    "the other way round": ("'A-4711' == order.id", {b"a", b"4711"}),
    "a whole number": ("order.lines[0].sku == `4711`", {b"4711"}),
    "all of several": ("a == 'x' && b == 'y' && c", {b"x", b"y"}),
    "one of several": ("a == 'x' || b == 'y'", NOTHING),
    "not it": ("a != 'x'", NOTHING),
    "none of it": ("!(a == 'x')", NOTHING),
    "other numbers": ("a == `1.50`", NOTHING),
    "truth": ("a == `true`", NOTHING),
    "nothing": ("a == `null`", NOTHING),
    "what is not in the body": ("source() == 'shop'", NOTHING),
    "one of a list": ("items[?sku == 'x']", NOTHING),
}


@for_each(REQUIRED.values(), lambda case: case[0])
def test_words_that_a_body_must_have(case: tuple[str, set[bytes]]) -> None:
    text, words = case
    assert required_words(compile_expression(text, what="it").tree) == words


def test_what_cannot_be_looked_for_is_said() -> None:
    for faulty, message in (
        (LookedFor(where="a =="), "where"),
        (LookedFor(where="nothing_like(a)"), "nothing_like"),
        (LookedFor(headers=(("a", "b"),) * 11), "more than 10 headers"),
    ):
        with pytest.raises(InvalidInput) as raised:
            faulty.contents()
        assert message in " ".join(fault.message for fault in raised.value.faults) or message in str(raised.value)
    with pytest.raises(InvalidInput, match="NAME=VALUE"):
        header_of("X-Id")
    assert header_of("X-Id = a=b") == ("X-Id", "a=b")
