"""One test for many values: hundreds of vectors as hundreds of tests would cost more to list than to judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

NAME_CHARACTERS = 200


def for_each(
    values: Iterable[Any], name: Callable[[Any], str] = lambda value: value.id
) -> Callable[[Callable[[Any], None]], Callable[[], None]]:
    """Run the decorated test with each of `values`, which `name` names. All are tried; the failures come as one
    exception group, each with a note of the value it is about.
    """
    tried = tuple(values)
    return lambda test: _with_each(test, tried, name)


def for_each_row(
    names: str | Sequence[str], rows: Iterable[Any]
) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """The same with several arguments, given as to `pytest.mark.parametrize`: their names, and the rows of a table. A
    single name, as a text, takes values instead of rows.
    """
    columns = (names,) if isinstance(names, str) else tuple(names)
    table = [(row,) if isinstance(names, str) else tuple(row) for row in rows]

    def decorate(test: Callable[..., None]) -> Callable[[], None]:
        def judge(row: tuple[Any, ...]) -> None:
            test(**dict(zip(columns, row, strict=True)))

        judge.__name__, judge.__doc__, judge.__module__ = test.__name__, test.__doc__, test.__module__
        return _with_each(judge, table, lambda row: repr(row)[:NAME_CHARACTERS])

    return decorate


def _with_each(test: Callable[[Any], None], tried: Sequence[Any], name: Callable[[Any], str]) -> Callable[[], None]:
    assert tried

    def run() -> None:
        failures = []
        for value in tried:
            try:
                test(value)
            # pytest's own ("DID NOT RAISE") is no Exception.
            except (Exception, pytest.fail.Exception) as failure:
                failure.add_note(f"with {name(value)}")
                failures.append(failure)
        if failures:
            raise BaseExceptionGroup(f"{len(failures)} of {len(tried)} failed", failures)

    # Not functools.wraps: pytest would follow it to the test's argument and look for a fixture.
    run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
    return run
