"""One test for many values: hundreds of vectors as hundreds of tests would cost more to list than to judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def for_each(
    values: Iterable[Any], name: Callable[[Any], str] = lambda value: value.id
) -> Callable[[Callable[[Any], None]], Callable[[], None]]:
    """Run the decorated test with each of `values`, which `name` names. All are tried; the failures come as one
    `ExceptionGroup`, each with a note of the value it is about.
    """
    tried = tuple(values)
    assert tried

    def decorate(test: Callable[[Any], None]) -> Callable[[], None]:
        def run() -> None:
            failures = []
            for value in tried:
                try:
                    test(value)
                except Exception as failure:
                    failure.add_note(f"with {name(value)}")
                    failures.append(failure)
            if failures:
                raise ExceptionGroup(f"{len(failures)} of {len(tried)} failed", failures)

        # Not functools.wraps: pytest would follow it to the test's argument and look for a fixture.
        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return run

    return decorate
