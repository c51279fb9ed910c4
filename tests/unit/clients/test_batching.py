"""How items are put into calls, and what is told of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from gateway.clients.batching import grouped, in_batches, json_bytes, matched
from gateway.clients.errors import FailedCall, IntegrationError, RemoteConflict, RequestRefused, ResponseInvalid
from tests.services.for_each import for_each


@for_each(
    [
        ("by number", [1] * 5, 2, 100, [[1, 1], [1, 1], [1]]),
        ("by weight", [3, 3, 3, 5], 9, 6, [[3, 3], [3], [5]]),
        ("one that is too heavy goes alone", [1, 9, 1], 9, 6, [[1], [9], [1]]),
        ("nothing", [], 2, 6, []),
    ],
    name=lambda case: case[0],
)
def test_items_are_put_into_calls(case: tuple[str, list[int], int, int, list[list[int]]]) -> None:
    _, items, max_items, max_weight, expected = case

    found = list(grouped(items, lambda item: item, max_items=max_items, max_weight=max_weight))

    assert [batch for batch, _ in found] == expected
    assert [weight for _, weight in found] == [sum(batch) for batch in expected]


def test_sizes_are_those_of_a_list_in_json() -> None:
    sent: list[int] = []
    items = [{"text": "ä" * length} for length in (10, 20, 30)]

    list(in_batches(items, lambda some: sent.append(len(some)) or some, max_items=9, max_bytes=82))  # type: ignore[func-returns-value]

    assert [json_bytes(one) for one in items] == [32, 52, 72]
    assert sent == [1, 1, 1]


def test_no_more_is_taken_or_held_than_a_call_needs() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10**9):
            taken.append(number)
            yield number

    outcomes = in_batches(items(), lambda some: [one * 2 for one in some], max_items=3)

    first = [next(outcomes) for _ in range(4)]
    assert [(one.index, one.item, one.result) for one in first] == [(n, n, 2 * n) for n in range(4)]
    assert len(taken) <= 7


def test_one_goes_on_where_one_was() -> None:
    outcomes = list(in_batches("abcdef", lambda some: [one.upper() for one in some], max_items=2, start=3))

    assert [(one.index, one.result) for one in outcomes] == [(3, "D"), (4, "E"), (5, "F")]
    with pytest.raises(ValueError, match="negative"):
        next(in_batches("a", list, max_items=2, start=-1))
    with pytest.raises(ValueError, match="at least one"):
        next(in_batches("a", list, max_items=0))


def test_an_item_fails_alone() -> None:
    def send(some: Sequence[int]) -> list[str | IntegrationError]:
        return [RemoteConflict("there") if one == 2 else "ok" for one in some]

    outcomes = list(in_batches([1, 2, 3], send, max_items=3))

    assert [(one.result, one.error and one.error.code) for one in outcomes] == [
        ("ok", None),
        (None, "remote_conflict"),
        ("ok", None),
    ]


def test_results_that_do_not_fit_the_items_are_no_answer() -> None:
    with pytest.raises(ResponseInvalid, match="due for 2 items, and 1 came"):
        list(in_batches([1, 2], lambda some: ["ok"], max_items=2))


@for_each([(way, status) for way in ("raise", "divide", "isolate") for status in (413, 422)], name=str)
def test_what_a_refused_call_leads_to(case: tuple[str, int]) -> None:
    way, status = case
    sent: list[list[int]] = []

    def send(some: Sequence[int]) -> list[str]:
        sent.append(list(some))
        if 3 in some:
            raise RequestRefused("no", call=FailedCall(status=status))
        return ["ok"] * len(some)

    outcomes = in_batches([1, 2, 3, 4, 5], send, max_items=4, on_refusal=way)  # type: ignore[arg-type]

    if way == "raise" or (way == "divide" and status == 422):
        with pytest.raises(RequestRefused):
            next(outcomes)
        assert sent == [[1, 2, 3, 4]]
    else:
        assert [(one.index, one.item, one.error is not None) for one in outcomes] == [
            (n - 1, n, n == 3) for n in range(1, 6)
        ]
        assert sent == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4], [5]]


def test_answers_in_another_order_are_put_in_that_of_the_items() -> None:
    found = matched("abc", [("c", 3), ("a", 1)], item_key=str, result_key=lambda one: one[0])

    assert found[0] == ("a", 1)
    assert isinstance(found[1], ResponseInvalid)
    assert found[2] == ("c", 3)
