"""One test for many values says as much as many tests: all are tried, and each that fails is named."""

from __future__ import annotations

import pytest

from tests.services.for_each import for_each, for_each_row


def _notes(failed: pytest.ExceptionInfo[BaseExceptionGroup[BaseException]]) -> list[list[str]]:
    return [one.__notes__ for one in failed.value.exceptions]


def test_all_are_tried_and_those_that_fail_are_named() -> None:
    tried = []

    @for_each([1, 2, 3, 4], lambda value: f"number {value}")
    def odd(value: int) -> None:
        tried.append(value)
        assert value % 2

    with pytest.raises(BaseExceptionGroup, match="2 of 4 failed") as failed:
        odd()
    assert tried == [1, 2, 3, 4]
    assert _notes(failed) == [["with number 2"], ["with number 4"]]


def test_rows_go_to_the_arguments_of_their_columns() -> None:
    @for_each_row(("b", "a"), [(1, 2), (2, 1)])
    def ascending(a: int, b: int) -> None:
        assert a < b

    with pytest.raises(BaseExceptionGroup, match="1 of 2 failed") as failed:
        ascending()
    assert _notes(failed) == [["with (1, 2)"]]


def test_what_should_have_been_raised_is_a_failure_like_others() -> None:
    @for_each_row("text", ["1", "x", "2"])
    def refused(text: str) -> None:
        with pytest.raises(ValueError, match="invalid"):
            int(text)

    with pytest.raises(BaseExceptionGroup, match="2 of 3 failed") as failed:
        refused()
    assert _notes(failed) == [["with ('1',)"], ["with ('2',)"]]


def test_a_test_without_values_is_none() -> None:
    with pytest.raises(AssertionError):
        for_each([])(lambda value: None)
