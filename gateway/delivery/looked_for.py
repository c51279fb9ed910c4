"""What somebody looks for inside of events: words, a vendor's id, headers, an expression. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.delivery.decisions.expression_check import expression_faults
from gateway.delivery.decisions.expressions import Expression, ExpressionFailed, Subject, compile_expression
from gateway.delivery.routes.routing import holds
from gateway.errors import InvalidInput
from gateway.events.blocks.contents import Contents, Test
from gateway.events.blocks.words import words_in

# What an expression may be made of that leads to a value of the body, and to it alone.
_PATH = frozenset({"field", "subexpression", "index_expression", "index", "current"})
MOST_HEADERS = 10


@dataclass(frozen=True, slots=True)
class LookedFor:
    """All of it has to hold; None and empty mean any.

    `text` has words that all have to be in the body or the dedupe key, whole and in any case and order. `vendor_id` is
    the id that the vendor gave. `headers` are names in any case, with exact values. `where` is a JMESPath expression
    as routes have them.
    """

    text: str | None = None
    vendor_id: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    where: str | None = None

    def __bool__(self) -> bool:
        return self != LookedFor()

    def contents(self) -> Contents:
        """What has to be looked at inside of events. Raises `InvalidInput`."""
        words = frozenset() if self.text is None else words_in(self.text)
        if self.text is not None and not words:
            raise InvalidInput.at("q", "malformed", "there is no word to look for: give letters or digits")
        if len(self.headers) > MOST_HEADERS:
            raise InvalidInput.at("header", "out_of_range", f"more than {MOST_HEADERS} headers are looked for")
        if self.where is None:
            return Contents(words, self.headers)
        faults = list(expression_faults("where", self.where, what="the where expression"))
        if faults:
            raise InvalidInput(faults=faults)
        expression = compile_expression(self.where, what="the where expression")
        return Contents(words | required_words(expression.tree), self.headers, _test(expression))


NOTHING = LookedFor()


def required_words(tree: Mapping[str, Any]) -> frozenset[bytes]:
    """Words that a body must have for an expression to hold: those of texts and whole numbers that a value of it has to
    equal. By them blocks tell where to look.
    """
    return frozenset(word for text in _required(tree) for word in words_in(text))


def _required(tree: Mapping[str, Any]) -> Iterator[str]:
    children = tree["children"]
    if tree["type"] == "and_expression":
        for child in children:
            yield from _required(child)
    elif tree["type"] == "comparator" and tree["value"] == "eq":
        for one, other in (children, reversed(children)):
            if one["type"] == "literal" and _is_path(other) and _is_telling(one["value"]):
                yield str(one["value"])


def _is_path(tree: Mapping[str, Any]) -> bool:
    return tree["type"] in _PATH and all(map(_is_path, tree["children"]))


def _is_telling(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _test(expression: Expression) -> Test:
    def test(row: Any, body: bytes) -> bool:
        pairs = tuple((name, value) for name, value in json.loads(row.headers))
        subject = Subject(row.id, row.type, row.source, row.content_type, pairs, body)
        try:
            return holds(expression.apply(subject))
        except ExpressionFailed:
            return False

    return test


def header_of(text: str) -> tuple[str, str]:
    """`NAME=VALUE` as a pair. Raises `InvalidInput`."""
    name, found, value = text.partition("=")
    if not found or not name.strip():
        raise InvalidInput.at("header", "malformed", "a header is looked for as NAME=VALUE, with its whole value")
    return name.strip(), value.strip()
